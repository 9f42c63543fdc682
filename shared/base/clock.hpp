#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub {

/// Wall-clock time as stored and sent everywhere: milliseconds of UTC since 1970.
struct UtcMillis {
    std::int64_t count = 0;
    auto operator<=>(const UtcMillis&) const = default;
};
inline UtcMillis operator+(UtcMillis t, std::chrono::milliseconds d) { return {t.count + d.count()}; }
inline UtcMillis operator-(UtcMillis t, std::chrono::milliseconds d) { return {t.count - d.count()}; }
inline std::chrono::milliseconds operator-(UtcMillis a, UtcMillis b) {
    return std::chrono::milliseconds{a.count - b.count};
}

using Steady = std::chrono::steady_clock;

/// Source of both kinds of time. Wall time is for what is stored or shown; monotonic time for durations and deadlines,
/// as only it never jumps. Injected, so that a test can let a day pass in a second.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual UtcMillis utc_now() const = 0;
    virtual Steady::time_point steady_now() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
  public:
    UtcMillis utc_now() const override;
    Steady::time_point steady_now() const override;
};

/// A clock that stands still until it is told otherwise.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(UtcMillis start = {1'700'000'000'000}) : utc_(start) {}
    UtcMillis utc_now() const override { return utc_; }
    Steady::time_point steady_now() const override { return steady_; }
    void advance(std::chrono::milliseconds by) { utc_ = utc_ + by, steady_ += by; }
    /// Moves the wall clock only, as NTP or a person does.
    void step_utc(std::chrono::milliseconds by) { utc_ = utc_ + by; }

  private:
    UtcMillis utc_;
    Steady::time_point steady_{std::chrono::hours{1}};
};

/// "2026-02-15T18:27:28.123Z" (RFC 3339, always UTC and with milliseconds).
std::string to_rfc3339(UtcMillis time);
/// A duration as people write it: "90s", "15m", "1h30m", "500ms", or plain seconds "3600". Error malformed.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest of the forms parse_duration reads: "1h30m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace labhub
