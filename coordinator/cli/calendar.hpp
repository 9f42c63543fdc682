#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "shared/base/clock.hpp"

namespace labhub::cli {

/// A reservation, as a calendar shows it. Times are milliseconds of UTC.
struct CalendarEntry {
    std::string id, device, owner, note;
    std::int64_t from = 0, to = 0;
};
CalendarEntry calendar_entry_of(const boost::json::object& reservation);

struct CalendarOptions {
    UtcMillis now;
    std::int64_t first_day = 0;  ///< any moment of it
    int days = 7;
    std::size_t width = 80;
    bool is_styled = false;
};

/// The local midnight that begins the day `days` after that of `time`.
std::int64_t local_midnight(std::int64_t time, int days = 0);
/// "Mon 30 Nov 09:00–12:00", "Mon 30 Nov 22:00 – Tue 1 Dec 06:00", in the machine's time zone.
std::string when_text(std::int64_t from, std::int64_t to);
/// "ada" for "user:ada".
std::string person_text(const std::string& principal);

/// The days of one device, a line each: what is reserved as bars with their owners' names, what is free as dots, what
/// is past as blanks. `entries` are those of that device, by begin.
std::string draw_calendar(const std::string& device, const std::vector<CalendarEntry>& entries,
                          const CalendarOptions& options);

}  // namespace labhub::cli
