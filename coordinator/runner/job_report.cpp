#include "coordinator/runner/job_report.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace json = boost::json;

constexpr std::string_view kFile = "runner.json";
constexpr std::size_t kMaxFileBytes = 4u << 20;

json::value to_json_value(const std::optional<Started>& started) {
    if (!started) return nullptr;
    return json::object{{"time_ms", started->time.count},
                        {"time", to_rfc3339(started->time)},
                        {"runtime", started->runtime},
                        {"disk_limit_by", started->disk_limit_by}};
}

json::value to_json_value(const std::optional<Ended>& ended) {
    if (!ended) return nullptr;
    return json::object{{"time_ms", ended->time.count},
                        {"time", to_rfc3339(ended->time)},
                        {"exit_code", ended->exit_code},
                        {"signal", ended->signal},
                        {"reason", ended->reason},
                        {"message", ended->message},
                        {"peak_memory_bytes", ended->peak_memory_bytes},
                        {"cpu_ms", ended->cpu_ms}};
}

std::optional<Started> started_from_json(const json::value& value) {
    if (value.is_null()) return std::nullopt;
    return Started{{value.at("time_ms").to_number<std::int64_t>()},
                   json::value_to<std::string>(value.at("runtime")),
                   json::value_to<std::string>(value.at("disk_limit_by"))};
}

std::optional<Ended> ended_from_json(const json::value& value) {
    if (value.is_null()) return std::nullopt;
    Ended ended;
    ended.time.count = value.at("time_ms").to_number<std::int64_t>();
    ended.exit_code = value.at("exit_code").to_number<int>();
    ended.signal = value.at("signal").to_number<int>();
    ended.reason = json::value_to<std::string>(value.at("reason"));
    ended.message = json::value_to<std::string>(value.at("message"));
    ended.peak_memory_bytes = value.at("peak_memory_bytes").to_number<std::uint64_t>();
    ended.cpu_ms = value.at("cpu_ms").to_number<std::uint64_t>();
    return ended;
}

Phase phase_from(std::string_view word) {
    if (word == "running") return Phase::running;
    return word == "ended" ? Phase::ended : Phase::preparing;
}

RunnerState state_from_json(const json::value& value) {
    RunnerState state;
    state.job_id = JobId{json::value_to<std::string>(value.at("job_id"))};
    state.pid = value.at("pid").to_number<pid_t>();
    state.phase = phase_from(value.at("phase").as_string());
    state.started = started_from_json(value.at("started"));
    state.ended = ended_from_json(value.at("ended"));
    state.notes = json::value_to<std::vector<std::string>>(value.at("notes"));
    state.runtime_program = json::value_to<std::string>(value.at("runtime_program"));
    state.hide_unified = value.at("hide_unified").as_bool();
    state.cgroup = json::value_to<std::string>(value.at("cgroup"));
    return state;
}

}  // namespace

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::preparing: return "preparing";
        case Phase::running: return "running";
        case Phase::ended: break;
    }
    return "ended";
}

std::string to_json_text(const RunnerState& state) {
    return to_pretty_json(json::object{{"job_id", state.job_id.value},
                                       {"pid", state.pid},
                                       {"phase", to_string(state.phase)},
                                       {"started", to_json_value(state.started)},
                                       {"ended", to_json_value(state.ended)},
                                       {"notes", json::value_from(state.notes)},
                                       {"runtime_program", state.runtime_program},
                                       {"hide_unified", state.hide_unified},
                                       {"cgroup", state.cgroup}});
}

Result<RunnerState> read_runner_state(const std::filesystem::path& job_dir) {
    std::error_code missing;
    if (!std::filesystem::exists(job_dir / kFile, missing))
        return Error{ErrorCode::not_found, "no " + std::string(kFile) + " in " + job_dir.string()};
    LABHUB_TRY(const std::string text, read_file(job_dir / kFile, kMaxFileBytes));
    LABHUB_TRY(const json::value parsed, parse_json(text));
    try {
        return state_from_json(parsed);
    } catch (const std::exception& error) {
        return Error{ErrorCode::malformed, std::string(kFile) + " in " + job_dir.string() + ": " + error.what()};
    }
}

Result<void> write_runner_state(const std::filesystem::path& job_dir, const RunnerState& state) {
    return write_file(job_dir / kFile, to_json_text(state), 0644);
}

std::filesystem::path sandbox_folder(const std::filesystem::path& job_dir) { return job_dir / "sandbox"; }

std::filesystem::path partial_folder(const std::filesystem::path& job_dir) { return job_dir / "partial"; }

bool is_runner_alive(const std::filesystem::path& job_dir) {
    const UniqueFd lock{::open((job_dir / "runner.lock").c_str(), O_RDONLY | O_CLOEXEC)};
    return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace labhub::coordinator::runner
