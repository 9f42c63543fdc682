#include "shared/base/clock.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace labhub {

UtcMillis SystemClock::utc_now() const {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

Steady::time_point SystemClock::steady_now() const { return Steady::now(); }

std::string to_rfc3339(UtcMillis time) {
    std::int64_t seconds = time.count / 1000;
    std::int64_t millis = time.count % 1000;
    if (millis < 0) millis += 1000, --seconds;
    const std::time_t when = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                                     parts.tm_sec, static_cast<int>(millis));
    return std::string(text.data(), static_cast<std::size_t>(length));
}

namespace {

struct DurationUnit {
    std::string_view suffix;
    double millis;
};
constexpr std::array kUnits{DurationUnit{"ms", 1}, DurationUnit{"s", 1000}, DurationUnit{"m", 60'000},
                            DurationUnit{"h", 3'600'000}, DurationUnit{"d", 86'400'000}};

Error not_a_duration(std::string_view text) {
    return Error{ErrorCode::malformed, "'" + std::string(text.substr(0, 64)) + "' is not a duration",
                 "write it as 90s, 15m, 1h30m, 2d, 500ms or plain seconds"};
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    double total = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    if (at == end) return not_a_duration(text);
    while (at != end) {
        double number = 0;
        const bool is_number = (*at >= '0' && *at <= '9') || *at == '.';  // from_chars also reads "inf" and "nan"
        const auto [after, failure] = std::from_chars(at, end, number, std::chars_format::fixed);
        if (!is_number || failure != std::errc{}) return not_a_duration(text);
        const char* unit_end = after;
        while (unit_end != end && *unit_end >= 'a' && *unit_end <= 'z') ++unit_end;
        std::string_view unit(after, static_cast<std::size_t>(unit_end - after));
        if (unit.empty() && unit_end == end && at == text.data()) unit = "s";
        double factor = 0;
        for (const auto& known : kUnits)
            if (known.suffix == unit) factor = known.millis;
        if (factor == 0) return not_a_duration(text);
        total += number * factor;
        at = unit_end;
    }
    constexpr double kTenYears = 10 * 365.25 * 86'400'000;
    if (total > kTenYears)
        return Error{ErrorCode::out_of_range, "duration '" + std::string(text) + "' is too long", "at most 10 years"};
    return std::chrono::milliseconds{static_cast<std::int64_t>(total)};
}

std::string format_duration(std::chrono::milliseconds duration) {
    std::int64_t rest = duration.count();
    if (rest == 0) return "0s";
    std::string text(rest < 0 ? "-" : "");
    rest = std::abs(rest);
    for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
        const auto size = static_cast<std::int64_t>(unit->millis);
        if (rest >= size) {
            text += std::to_string(rest / size) + std::string(unit->suffix);
            rest %= size;
        }
    }
    return text;
}

}  // namespace labhub
