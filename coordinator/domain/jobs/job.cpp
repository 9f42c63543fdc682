#include "coordinator/domain/jobs/job.hpp"

#include <array>
#include <cstring>

namespace labhub::coordinator::jobs {
namespace {

constexpr std::array<std::pair<Status, std::string_view>, 8> kStatusNames{{
    {Status::queued, "queued"},
    {Status::preparing, "preparing"},
    {Status::running, "running"},
    {Status::stopping, "stopping"},
    {Status::completed, "completed"},
    {Status::failed, "failed"},
    {Status::stopped, "stopped"},
    {Status::timed_out, "timed_out"},
}};

std::string signal_text(int signal) { return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")"; }

Status status_for(std::string_view why, const Ending& ending) {
    if (why == reason::kUser || why == reason::kAlarm || why == reason::kPauseLimit) return Status::stopped;
    if (why == reason::kTimeLimit) return Status::timed_out;
    if (why == reason::kAtMost) return Status::completed;
    if (!why.empty()) return Status::failed;
    return ending.exit_code.value_or(-1) == 0 && ending.signal == 0 ? Status::completed : Status::failed;
}

std::string default_message(const Job& job) {
    if (job.reason == reason::kUser) return "stopped on request";
    if (job.reason == reason::kTimeLimit)
        return "the time limit of " + format_duration(job.limits.time) + " was reached";
    if (job.reason == reason::kExitStatus) return "the script ended with exit status " + std::to_string(*job.exit_code);
    if (job.reason == reason::kSignal) return "the script was ended by " + signal_text(*job.signal);
    if (job.reason == reason::kOutOfMemory)
        return "the script needed more than its " + std::to_string(job.limits.memory_bytes >> 20) + " MiB of memory";
    if (job.reason == reason::kDiskLimit)
        return "the output folder is full at its limit of " + std::to_string(job.limits.output_bytes >> 20) + " MiB";
    return {};
}

}  // namespace

std::string_view to_string(Status status) {
    for (const auto& [known, name] : kStatusNames)
        if (known == status) return name;
    return "failed";
}

Result<Status> status_from(std::string_view name) {
    for (const auto& [status, known] : kStatusNames)
        if (known == name) return status;
    return Error{ErrorCode::corrupt, "'" + std::string(name) + "' is not a job status"};
}

bool is_final(Status status) { return status >= Status::completed; }
bool is_active(Status status) { return status >= Status::preparing && status <= Status::stopping; }

void conclude(Job& job, const Ending& ending) {
    // What the coordinator stopped it for explains more than the SIGTERM that followed from it.
    const std::string why = !job.stop_reason.empty() ? job.stop_reason : ending.reason;
    job.exit_code = ending.exit_code;
    if (ending.signal != 0) job.signal = ending.signal;
    if (ending.peak_memory_bytes > 0) job.peak_memory_bytes = ending.peak_memory_bytes;
    if (ending.cpu_ms > 0) job.cpu_ms = ending.cpu_ms;
    job.ended = ending.time;
    if (present_pause(job.pauses)) job.pauses.back().until = ending.time;
    job.status = status_for(why, ending);
    job.reason = why;
    if (why.empty() && job.status == Status::failed)
        job.reason = std::string(ending.signal != 0 ? reason::kSignal : reason::kExitStatus);
    if (job.message.empty()) job.message = default_message(job);
    if (job.message.empty()) job.message = ending.message;
}

}  // namespace labhub::coordinator::jobs
