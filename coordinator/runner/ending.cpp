#include "coordinator/runner/ending.hpp"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "coordinator/runner/process.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr int kExitNotStarted = 127;

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

std::string own_end(const Ended& ended) {
    if (ended.signal != 0) {
        const char* name = ::sigabbrev_np(ended.signal);
        return std::string("the script was ended by signal ") +
               (name ? "SIG" + std::string(name) : std::to_string(ended.signal));
    }
    if (ended.exit_code == 0) return "the script completed";
    return "the script ended with exit code " + std::to_string(ended.exit_code);
}

void explain(Ended& ended, std::string reason, std::string message) {
    ended.reason = std::move(reason);
    ended.message = std::move(message);
}

void name_our_own_cause(Ended& ended, const std::string& cause, const Limits& limits) {
    if (cause == "time_limit")
        return explain(ended, cause,
                       "the script ran into its time limit of " +
                           format_duration(std::chrono::milliseconds{limits.time_limit_ms}));
    if (cause == "pause_limit") return explain(ended, cause, "the script was paused for longer than the hub allows");
    if (cause == "disk_limit")
        return explain(ended, cause,
                       "the script wrote more than the " + mebibytes(limits.output_bytes) + " of output it may");
    explain(ended, cause, cause == "user" ? "the script was stopped by request" : "the script was stopped: " + cause);
}

}  // namespace

Ended name_the_end(const EndFacts& facts, const Limits& limits) {
    Ended ended;
    ended.peak_memory_bytes = facts.use.peak_memory_bytes;
    ended.cpu_ms = facts.use.cpu_ms;
    if (!facts.start_failure.empty()) {
        ended.exit_code = kExitNotStarted;
        explain(ended, "sandbox_failed", facts.start_failure);
        return ended;
    }
    const int status = facts.script_status.value_or(facts.init_status);
    ended.exit_code = exit_code_of(status);
    ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const bool failed = ended.exit_code != 0;
    if (!facts.cause.empty())
        name_our_own_cause(ended, facts.cause, limits);
    else if (failed && facts.use.oom_kills > 0)
        explain(ended, "out_of_memory",
                "the script used more than the " + mebibytes(limits.memory_bytes) + " of memory it may");
    else if (failed && facts.output_full)
        explain(ended, "disk_limit",
                "the script filled the " + mebibytes(limits.output_bytes) + " of output it may write, and failed");
    else if (failed && facts.use.pid_refusals > 0)
        explain(ended, "process_limit",
                "the script wanted more than the " + std::to_string(limits.pids) +
                    " processes it may have at one time, and failed");
    else
        explain(ended, "", own_end(ended));
    return ended;
}

}  // namespace labhub::coordinator::runner
