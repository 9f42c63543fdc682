#include "coordinator/runner/systemd_launcher.hpp"

#include <array>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// Until the runner has read what it is to do; the sandbox is made after that.
constexpr std::chrono::seconds kStartLimit{60};
constexpr std::chrono::minutes kCollectLimit{11};
/// labhub-runner's exit status for "a runner is at work on this job".
constexpr int kExitConflict = 4;
constexpr std::array kUnitFolders{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                  "/usr/lib/systemd/system", "/lib/systemd/system"};

std::string job_unit(const fs::path& job_dir) { return "labhub-job@" + job_dir.filename().string() + ".service"; }
std::string collect_unit(const fs::path& job_dir) {
    return "labhub-collect@" + job_dir.filename().string() + ".service";
}

/// What a person who reads it can act on: what the program said, else what systemd saw.
Error failure_of(const std::string& unit, const UnitOutcome& outcome) {
    const bool is_at_work = outcome.unit_result == "exit-code" && outcome.exit_status == kExitConflict;
    std::string text = unit + " failed: ";
    if (!outcome.status_text.empty())
        text += outcome.status_text;
    else if (outcome.unit_result.empty())
        text += "systemd's job for it ended as '" + outcome.job_result + "'";
    else
        text += "its result is '" + outcome.unit_result + "', status " + std::to_string(outcome.exit_status);
    return Error{is_at_work ? ErrorCode::conflict : ErrorCode::internal, std::move(text),
                 "`journalctl -u " + unit + "` on the hub has its log"};
}

Task<void> forget(ServiceManager& manager, std::string unit) {
    auto forgetting = manager.forget_failure(unit);
    const auto forgotten = co_await std::move(forgetting);
    // Nothing to forget: systemd doesn't know the unit any more.
    if (!forgotten && forgotten.error().code != ErrorCode::not_found) spdlog::warn("{}", forgotten.error().to_string());
}

}  // namespace

SystemdLauncher::SystemdLauncher(asio::any_io_executor executor, fs::path sandboxes)
    : sandboxes_(std::move(sandboxes)), manager_(executor) {}

Task<Result<std::string>> SystemdLauncher::start(fs::path job_dir) {
    const std::string unit = job_unit(job_dir);
    auto starting = manager_.start_unit(unit, kStartLimit);
    auto outcome = co_await std::move(starting);
    if (outcome && outcome->is_started) co_return unit;
    if (outcome) {
        Error failed = failure_of(unit, *outcome);
        co_await forget(manager_, unit);
        co_return failed;
    }
    // We are to end: the unit goes its way, and the next coordinator finds it.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return std::move(outcome).error();
    // Whether it starts after all is not known where systemd gave no answer: it is not to.
    if (outcome.error().code == ErrorCode::unavailable || outcome.error().code == ErrorCode::timed_out) {
        auto stopping = manager_.stop_unit(unit);
        const auto stopped = co_await std::move(stopping);
        if (!stopped) spdlog::warn("{}", stopped.error().to_string());
    }
    co_return std::move(outcome).error();
}

Task<Result<RunnerState>> SystemdLauncher::collect(fs::path job_dir) {
    const std::string unit = collect_unit(job_dir);
    auto starting = manager_.start_unit(unit, kCollectLimit);
    auto outcome = co_await std::move(starting);
    if (!outcome) co_return std::move(outcome).error();
    if (!outcome->is_started) {
        Error failed = failure_of(unit, *outcome);
        co_await forget(manager_, unit);
        co_return failed;
    }
    // The runner's own, which systemd keeps for having been killed.
    co_await forget(manager_, job_unit(job_dir));
    co_return read_runner_state(job_dir);
}

bool SystemdLauncher::has_remains(const fs::path& job_dir) const {
    std::error_code failure;
    return fs::exists(sandboxes_ / job_dir.filename(), failure);
}

Result<void> SystemdLauncher::keep_ready(ReadySandboxes) {
    return Error{ErrorCode::unsupported, "the launcher 'systemd' makes no sandboxes in advance",
                 "jobs.ready_sandboxes = 0 says so too"};
}

bool has_systemd_units() {
    std::error_code failure;
    // As sd_booted(3).
    if (!fs::is_directory("/run/systemd/system", failure)) return false;
    return std::any_of(kUnitFolders.begin(), kUnitFolders.end(), [](const char* folder) {
        std::error_code none;
        return fs::exists(fs::path(folder) / "labhub-job@.service", none);
    });
}

}  // namespace labhub::coordinator::runner
