#include "coordinator/domain/telemetry/query_time.hpp"

#include <charconv>
#include <optional>

#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

constexpr std::int64_t kLatest = 253'402'300'799'999;     // the last millisecond of the year 9999
constexpr std::int64_t kLikelySeconds = 100'000'000'000;  // as milliseconds: March 1973; as seconds: the year 5138
constexpr std::string_view kForms = "RFC 3339 as 2026-02-15T18:27:28Z, milliseconds of UTC since 1970, or as -2h";

Error malformed(std::string_view name, std::string_view text, std::string detail = std::string(kForms)) {
    return Error{ErrorCode::malformed, std::string(name) + "=" + printable(text, 60) + " is not a time",
                 std::move(detail)};
}

/// Takes fixed-width decimal numbers and separators off the front of a text.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : left_(text) {}
    std::optional<int> number(std::size_t digits) {
        int value = 0;
        if (left_.size() < digits) return std::nullopt;
        const auto [end, failure] = std::from_chars(left_.data(), left_.data() + digits, value);
        if (failure != std::errc{} || end != left_.data() + digits || left_.front() == '-') return std::nullopt;
        left_.remove_prefix(digits);
        return value;
    }
    bool one_of(std::string_view choices, char* found = nullptr) {
        if (left_.empty() || choices.find(left_.front()) == std::string_view::npos) return false;
        if (found) *found = left_.front();
        left_.remove_prefix(1);
        return true;
    }
    /// Digits of a fraction of a second, as milliseconds; further digits are cut off.
    std::optional<int> fraction() {
        int millis = 0;
        std::size_t digits = 0;
        for (; digits < left_.size() && left_[digits] >= '0' && left_[digits] <= '9'; ++digits)
            if (digits < 3) millis = millis * 10 + (left_[digits] - '0');
        if (digits == 0) return std::nullopt;
        for (std::size_t i = digits; i < 3; ++i) millis *= 10;
        left_.remove_prefix(digits);
        return millis;
    }
    bool done() const { return left_.empty(); }

  private:
    std::string_view left_;
};

std::optional<std::chrono::sys_days> scan_day(Scanner& scan) {
    const auto year = scan.number(4);
    if (!year || !scan.one_of("-")) return std::nullopt;
    const auto month = scan.number(2);
    if (!month || !scan.one_of("-")) return std::nullopt;
    const auto day = scan.number(2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date};
}

std::optional<std::chrono::milliseconds> scan_time_of_day(Scanner& scan) {
    const auto hour = scan.number(2);
    if (!hour || *hour > 23 || !scan.one_of(":")) return std::nullopt;
    const auto minute = scan.number(2);
    if (!minute || *minute > 59) return std::nullopt;
    std::chrono::milliseconds time = std::chrono::hours{*hour} + std::chrono::minutes{*minute};
    if (!scan.one_of(":")) return time;
    const auto second = scan.number(2);
    if (!second || *second > 60) return std::nullopt;
    time += std::chrono::seconds{*second};
    if (!scan.one_of(".,")) return time;
    const auto millis = scan.fraction();
    if (!millis) return std::nullopt;
    return time + std::chrono::milliseconds{*millis};
}

/// What local time is ahead of UTC.
std::optional<std::chrono::minutes> scan_offset(Scanner& scan) {
    if (scan.one_of("Zz")) return std::chrono::minutes{0};
    char sign = '+';
    if (!scan.one_of("+- ", &sign)) return std::nullopt;
    const auto hour = scan.number(2);
    if (!hour || *hour > 23) return std::nullopt;
    scan.one_of(":");
    const auto minute = scan.number(2);
    if (!minute || *minute > 59) return std::nullopt;
    const std::chrono::minutes offset = std::chrono::hours{*hour} + std::chrono::minutes{*minute};
    return sign == '-' ? -offset : offset;
}

Result<UtcMillis> parse_rfc3339(std::string_view name, std::string_view text) {
    Scanner scan(text);
    const auto day = scan_day(scan);
    if (!day) return malformed(name, text);
    std::chrono::milliseconds since = day->time_since_epoch();
    if (scan.done()) return UtcMillis{since.count()};
    if (!scan.one_of("Tt ")) return malformed(name, text);
    const auto time = scan_time_of_day(scan);
    if (!time) return malformed(name, text);
    if (scan.done()) return malformed(name, text, "say the time zone: add Z for UTC, or an offset as +01:00");
    const auto offset = scan_offset(scan);
    if (!offset || !scan.done()) return malformed(name, text);
    return UtcMillis{(since + *time - *offset).count()};
}

Result<UtcMillis> parse_millis(std::string_view name, std::string_view text) {
    std::int64_t millis = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), millis);
    if (end != text.data() + text.size()) return malformed(name, text);
    if (failure != std::errc{}) millis = kLatest + 1;
    if (millis > 0 && millis < kLikelySeconds)
        return Error{ErrorCode::out_of_range,
                     std::string(name) + "=" + printable(text, 60) + " is " + to_rfc3339(UtcMillis{millis}),
                     "times are milliseconds of UTC since 1970; this looks like seconds"};
    return UtcMillis{millis};
}

Result<UtcMillis> parse_any(std::string_view name, std::string_view text, UtcMillis now) {
    if (text == "now") return now;
    if (text.starts_with('-') || text.starts_with("now-")) {
        const std::string_view back = text.substr(text.find('-') + 1);
        const auto duration = parse_duration(back);
        if (!duration || duration->count() < 0) return malformed(name, text);
        return now - *duration;
    }
    if (text.starts_with('+')) {
        const auto duration = parse_duration(text.substr(1));
        if (!duration || duration->count() < 0) return malformed(name, text);
        return now + *duration;
    }
    const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    return is_number ? parse_millis(name, text) : parse_rfc3339(name, text);
}

}  // namespace

Result<UtcMillis> parse_time(std::string_view name, std::string_view text, UtcMillis now) {
    LABHUB_TRY(const UtcMillis time, parse_any(name, trim(text), now));
    if (time.count < 0 || time.count > kLatest)
        return Error{ErrorCode::out_of_range, std::string(name) + "=" + printable(text, 60) + " is out of range",
                     "allowed: the years 1970 to 9999"};
    return time;
}

Result<TimeRange> check_range(UtcMillis from, UtcMillis to) {
    if (from < to) return TimeRange{from, to};
    return Error{ErrorCode::out_of_range, "from is not before to",
                 "from is " + to_rfc3339(from) + ", to is " + to_rfc3339(to)};
}

}  // namespace labhub::coordinator::telemetry
