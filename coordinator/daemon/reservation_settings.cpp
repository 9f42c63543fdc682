#include "coordinator/daemon/reservation_settings.hpp"

namespace labhub::coordinator::daemon {

using namespace std::chrono_literals;

void add_reservation_options(config::Options& options, ReservationSettings& settings) {
    options.add("reservations.shortest", &settings.shortest, "Shortest reservation of a device",
                config::range(1s, 24h * 30));
    options.add("reservations.longest", &settings.longest, "Longest reservation of a device",
                config::range(1s, 24h * 366));
    options.add("reservations.furthest", &settings.furthest, "How far ahead a reservation may end",
                config::range(1min, 24h * 366 * 5));
    options.add("reservations.most_of_one", &settings.most_of_one,
                "Reservations that one person may have planned at one time", config::range(1, 10'000));
    options.add("reservations.reminders", &settings.reminders,
                "So long before its begin people are reminded of a reservation; empty: never", config::range(0, 10));
    options.add("reservations.no_show_after", &settings.no_show_after,
                "A device is free again when its owner has neither commanded it nor has a job for it so long after the "
                "begin; 0s: never",
                config::range(0s, 24h * 30));
    options.add("reservations.history", &settings.history, "How long reservations that are over are remembered",
                config::range(24h, 24h * 365 * 20));
}

Result<reservations::Settings> reservation_settings_of(const ReservationSettings& settings,
                                                       const std::vector<notify::Channel>& channels) {
    reservations::Settings made;
    made.shortest = settings.shortest;
    made.longest = settings.longest;
    made.furthest = settings.furthest;
    made.most_of_one = static_cast<std::size_t>(settings.most_of_one);
    made.no_show_after = settings.no_show_after;
    made.history = settings.history;
    if (made.shortest > made.longest)
        return Error{ErrorCode::malformed, "reservations.shortest is more than reservations.longest"};
    made.reminders.clear();
    for (const auto& text : settings.reminders) {
        const auto lead = parse_duration(text);
        if (!lead) return lead.error().within("reservations.reminders");
        if (*lead < 1s || *lead > 24h * 30)
            return Error{ErrorCode::out_of_range, "reservations.reminders: '" + text + "' is out of range",
                         "allowed: 1s to 720h"};
        made.reminders.push_back(*lead);
    }
    for (const auto& channel : channels)
        if (channel.tells_of_reservations) made.channels.push_back(channel.name);
    return made;
}

}  // namespace labhub::coordinator::daemon
