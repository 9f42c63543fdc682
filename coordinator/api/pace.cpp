#include "coordinator/api/pace.hpp"

#include <string>

namespace labhub::coordinator::api {
namespace {

constexpr std::chrono::seconds kForgetPeriod{10};

}  // namespace

Result<std::chrono::nanoseconds> Pace::ask(const JobId& job, Steady::time_point now) {
    using std::chrono::nanoseconds;
    forget_idle(now);
    const nanoseconds each = nanoseconds{std::chrono::seconds{1}} / bounds_.per_second;
    auto& full_at = full_at_.try_emplace(job, now).first->second;
    const auto next = std::max(full_at, now) + each;
    const auto wait = std::max(nanoseconds{0}, nanoseconds{next - now} - each * bounds_.at_once);
    if (wait > bounds_.longest_wait)
        return Error{ErrorCode::too_many, "the script asks too much at one time",
                     "at most " + std::to_string(bounds_.per_second) + " requests a second"};
    full_at = next;
    return wait;
}

void Pace::forget_idle(Steady::time_point now) {
    if (now - forgot_ < kForgetPeriod) return;
    forgot_ = now;
    std::erase_if(full_at_, [now](const auto& job) { return job.second <= now; });
}

}  // namespace labhub::coordinator::api
