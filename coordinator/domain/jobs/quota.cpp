#include "coordinator/domain/jobs/quota.hpp"

#include <cmath>

#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

using accounts::Allowance;
using accounts::Bound;

std::string hours_text(double hours) { return format_number(std::round(hours * 1000) / 1000); }

std::string size_text(std::int64_t bytes) {
    constexpr double kMiB = 1 << 20;
    const double mib = static_cast<double>(bytes) / kMiB;
    if (mib < 1024) return format_number(std::ceil(mib * 10) / 10) + " MiB";
    return format_number(std::ceil(mib / 1024 * 10) / 10) + " GiB";
}

std::string cpu_text(const Allowance& may) {
    return hours_text(may.cpu_hours().value_or(0)) + " in " + format_duration(may.cpu_window()) + ", by " +
           may.says(Bound::cpu_hours);
}

Result<void> check_can_start(const Job& job, const Holdings& has, const Allowance& may) {
    const std::string leave = "leave out queue:false to wait";
    if (may.max_running() && has.running >= *may.max_running())
        return Error{ErrorCode::too_many,
                     job.requested_by + " has " + std::to_string(has.running) + " experiments running",
                     std::to_string(*may.max_running()) + " may, by " + may.says(Bound::max_running) + "; " + leave};
    if (may.cpu_hours() && has.cpu_hours >= *may.cpu_hours())
        return Error{ErrorCode::too_many, "the processor hours of " + job.requested_by + " are used up",
                     cpu_text(may) + "; " + leave};
    return {};
}

}  // namespace

Result<void> check_quota(const Job& job, const Holdings& has, const Allowance& may, bool may_queue) {
    if (job.priority > may.max_priority())
        return Error{ErrorCode::forbidden,
                     "priority " + std::to_string(job.priority) + " is more than " + job.requested_by + " may ask for",
                     "at most " + std::to_string(may.max_priority()) + ", by " + may.says(Bound::max_priority)};
    if (may.max_queued() && has.queued >= *may.max_queued())
        return Error{ErrorCode::too_many,
                     job.requested_by + " has " + std::to_string(has.queued) + " experiments waiting",
                     std::to_string(*may.max_queued()) + " may, by " + may.says(Bound::max_queued)};
    if (may.stored_bytes() && has.stored_bytes >= *may.stored_bytes())
        return Error{ErrorCode::too_many, "the results of " + job.requested_by + " take " + size_text(has.stored_bytes),
                     size_text(*may.stored_bytes()) + " may be kept, by " + may.says(Bound::stored_bytes) +
                         ": delete some with `labhub results rm`"};
    return may_queue ? Result<void>{} : check_can_start(job, has, may);
}

Share share_of(const Holdings& has, const Allowance& may, std::string barred) {
    Share share;
    share.weight = may.weight();
    share.used_cpu_seconds = has.recent_cpu_hours * 3600;
    share.max_running = may.max_running();
    share.max_running_by = may.says(Bound::max_running);
    if (may.cpu_hours()) {
        share.cpu_hours_left = *may.cpu_hours() - has.cpu_hours;
        share.cpu_quota = cpu_text(may);
    }
    share.barred = std::move(barred);
    return share;
}

}  // namespace labhub::coordinator::jobs
