#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "coordinator/domain/reservations/reservations.hpp"
#include "coordinator/notify/notifier.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::daemon {

/// [reservations] of the configuration file.
struct ReservationSettings {
    std::chrono::milliseconds shortest{std::chrono::minutes{5}}, longest{std::chrono::hours{24 * 7}};
    std::chrono::milliseconds furthest{std::chrono::hours{24 * 90}};
    int most_of_one = 100;
    std::vector<std::string> reminders{"15m"};
    std::chrono::milliseconds no_show_after{std::chrono::minutes{15}};
    std::chrono::milliseconds history{std::chrono::hours{24 * 365}};
};

/// Adds what the file may say to the program's option table. `settings` must outlive it.
void add_reservation_options(config::Options& options, ReservationSettings& settings);

/// Error malformed, naming the option. Of `channels` those tell people that are to.
Result<reservations::Settings> reservation_settings_of(const ReservationSettings& settings,
                                                       const std::vector<notify::Channel>& channels);

}  // namespace labhub::coordinator::daemon
