#include "coordinator/runner/runtime_choice.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "coordinator/runner/sandbox.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kCacheFile = "sandbox-host.json";
constexpr int kTrialSeconds = 30;
constexpr std::size_t kMaxOutput = 4096;
constexpr const char* kProgramFolders[] = {"/usr/local/bin",  "/usr/bin",  "/bin",
                                           "/usr/local/sbin", "/usr/sbin", "/sbin"};

std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : std::string{};
    for (const fs::path folder : kProgramFolders)
        if (::access((folder / name).c_str(), X_OK) == 0) return (folder / name).string();
    return {};
}

/// "crun 1.8.1" of "crun version 1.8.1\n…".
std::string version_of(const std::string& program) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return program;
    const UniqueFd from{ends[0]};
    UniqueFd to{ends[1]};
    Command command;
    command.argv = {program, "--version"};
    command.out = to.get();
    const auto pid = start_process(command);
    to.reset();
    std::string text(kMaxOutput, '\0');
    const ssize_t got = pid ? ::read(from.get(), text.data(), text.size()) : 0;
    if (pid) wait_process(*pid, kTrialSeconds);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    std::string line{split(text, '\n').front()};
    const auto at = line.find(" version");
    return at == std::string::npos ? program : line.erase(at, std::string_view(" version").size());
}

/// A connection to the hub's port as a script makes it. The shell is there wherever Debian's or another's is.
constexpr const char* kTrialScript = "exec 3<>/dev/tcp/127.0.0.1/8000";

JobSpec trial_spec() {
    JobSpec spec;
    spec.job_id = JobId{"probe-" + new_id()};
    spec.socket = "/nonexistent";
    spec.argv = {"/usr/bin/bash", "-c", kTrialScript};
    spec.limits.output_bytes = 16u << 20;
    return spec;
}

/// In a process of its own, as it enters a mount namespace. The way outputs are bounded, or why it doesn't work.
Result<std::string> run_trial(const RuntimeChoice& choice, const fs::path& folder) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const JobSpec spec = trial_spec();
    LABHUB_CHECK(make_folder(folder, 0700));
    LABHUB_CHECK(write_file(folder / "script.py", ""));
    LABHUB_TRY(Sandbox sandbox, Sandbox::prepare(spec, folders_of(folder), choice));
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error("make the lifeline", errno);
    const UniqueFd ours{ends[0]};
    UniqueFd theirs{ends[1]};
    Result<void> works;
    const auto runtime = sandbox.start({-1, -1, theirs.get()});
    theirs.reset();
    if (!runtime || wait_process(*runtime, kTrialSeconds) != 0)
        works = Error{ErrorCode::unsupported, runtime ? sandbox.runtime_error() : runtime.error().to_string()};
    const auto init = works ? sandbox.init_process() : Result<pid_t>(works.error());
    const int status = init ? wait_process(*init, kTrialSeconds) : 0;
    if (works && status != 0)
        works = Error{ErrorCode::unsupported,
                      "a program in it can't connect to 127.0.0.1:8000 of its network namespace, "
                      "where the hub listens (status " +
                          std::to_string(status) + ")"};
    sandbox.dismantle();
    if (!works) return works.error();
    return sandbox.disk_limit_by();
}

/// Runs the trial in a child and reads its one answer: '+' and how outputs are bounded, or '-' and the error.
RuntimeTrial try_runtime(const RuntimeChoice& choice, const fs::path& scratch) {
    RuntimeTrial trial{choice, "the trial gave no answer"};
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return trial;
    const UniqueFd from{ends[0]};
    UniqueFd to{ends[1]};
    const fs::path folder = scratch / ("probe-" + new_id());
    const pid_t child = ::fork();
    if (child == 0) {
        spdlog::set_level(spdlog::level::off);
        const auto result = run_trial(choice, folder);
        const std::string answer = result ? "+" + *result : "-" + result.error().to_string();
        (void)!::write(to.get(), answer.data(), answer.size());
        ::_exit(0);
    }
    to.reset();
    std::string answer(kMaxOutput, '\0');
    pollfd event{from.get(), POLLIN, 0};
    const bool came = child > 0 && ::poll(&event, 1, 2 * kTrialSeconds * 1000) > 0;
    const ssize_t got = came ? ::read(from.get(), answer.data(), answer.size()) : 0;
    if (child > 0) wait_process(child, 1);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (got < 1) return trial;
    answer.resize(static_cast<std::size_t>(got));
    trial.error = answer.front() == '+' ? "" : answer.substr(1);
    if (trial.error.empty()) trial.choice.disk_limit_by = answer.substr(1);
    return trial;
}

/// Every way worth trying, best first.
std::vector<RuntimeChoice> candidates(const std::string& wanted) {
    const std::vector<std::string> names =
        wanted == "auto" ? std::vector<std::string>{"crun", "runc"} : std::vector{wanted};
    std::vector<RuntimeChoice> all;
    for (const bool user_namespace : {true, false}) {
        for (const auto& name : names) {
            const std::string program = find_program(name);
            const std::string version = program.empty() ? name : version_of(program);
            all.push_back({program, version, false, user_namespace, ""});
            if (cgroup_version() == 0 && version.starts_with("crun"))
                all.push_back({program, version, true, user_namespace, ""});
        }
    }
    return all;
}

/// What a kept choice depends on: the boot and the programs.
std::string host_mark(const std::string& wanted) {
    std::string mark = wanted + " " + LABHUB_VERSION;
    if (const auto boot = read_file("/proc/sys/kernel/random/boot_id")) mark += " " + std::string(trim(*boot));
    for (const auto& name : {std::string("crun"), std::string("runc"), wanted}) {
        struct stat facts {};
        const std::string program = find_program(name);
        if (!program.empty() && ::stat(program.c_str(), &facts) == 0) mark += " " + std::to_string(facts.st_mtime);
    }
    return mark;
}

std::optional<RuntimeChoice> kept_choice(const fs::path& cache_folder, const std::string& mark) {
    const auto text = read_file(cache_folder / kCacheFile, 1u << 16);
    if (!text) return std::nullopt;
    const auto parsed = parse_json(*text);
    if (!parsed) return std::nullopt;
    try {
        const auto& kept = parsed->as_object();
        if (kept.at("host").as_string() != mark) return std::nullopt;
        return RuntimeChoice{json::value_to<std::string>(kept.at("program")),
                             json::value_to<std::string>(kept.at("version")), kept.at("hide_unified").as_bool(),
                             kept.at("user_namespace").as_bool(),
                             json::value_to<std::string>(kept.at("disk_limit_by"))};
    } catch (const std::exception&) {
        return std::nullopt;  // written by another version: found out anew
    }
}

/// Those that are known to have no such command line say so better than a trial would.
std::string known_trouble(const RuntimeChoice& choice) {
    if (choice.program.empty()) return "not installed";
    const std::string name = fs::path(choice.program).filename();
    if (name.starts_with("kata-runtime") || name.starts_with("containerd-shim"))
        return "Kata Containers 2 and later can't be started by a command line, only by containerd or CRI-O; version "
               "1's "
               "kata-runtime could";
    return {};
}

}  // namespace

bool is_gvisor(const RuntimeChoice& choice) { return choice.version.starts_with("runsc"); }

json::object to_json_object(const RuntimeTrial& trial) {
    json::object object{{"program", trial.choice.program},
                        {"version", trial.choice.version},
                        {"hide_unified", trial.choice.hide_unified},
                        {"user_namespace", trial.choice.user_namespace},
                        {"works", trial.error.empty()}};
    if (trial.error.empty())
        object["disk_limit_by"] = trial.choice.disk_limit_by;
    else
        object["error"] = trial.error;
    return object;
}

std::vector<RuntimeTrial> try_runtimes(const std::string& wanted, const fs::path& scratch) {
    std::vector<RuntimeTrial> trials;
    for (const auto& choice : candidates(wanted)) {
        if (std::string trouble = known_trouble(choice); !trouble.empty())
            trials.push_back({choice, std::move(trouble)});
        else
            trials.push_back(try_runtime(choice, scratch));
        if (trials.back().error.empty()) break;
    }
    return trials;
}

Result<RuntimeChoice> choose_runtime(const std::string& wanted, const fs::path& cache_folder, const fs::path& scratch) {
    const std::string mark = host_mark(wanted);
    if (!cache_folder.empty())
        if (auto kept = kept_choice(cache_folder, mark)) return *kept;
    std::string reasons;
    for (const auto& trial : try_runtimes(wanted, scratch)) {
        const auto& choice = trial.choice;
        if (!trial.error.empty()) {
            spdlog::info("{}{} does not work here: {}", choice.version,
                         choice.user_namespace ? "" : " without user namespace", trial.error);
            reasons += (reasons.empty() ? "" : "; ") + choice.version + ": " + trial.error;
            continue;
        }
        if (!choice.user_namespace)
            spdlog::warn("sandboxes have no user namespace here: a script's user is one of the host's, without rights");
        spdlog::info("sandboxes are made by {} (user namespace: {}, output bounded by {})", choice.version,
                     choice.user_namespace, choice.disk_limit_by);
        json::object kept = to_json_object(trial);
        kept["host"] = mark;
        if (!cache_folder.empty()) {
            const auto written = write_file(cache_folder / kCacheFile, to_pretty_json(kept));
            if (!written) spdlog::warn("the choice of runtime is not kept: {}", written.error().to_string());
        }
        return choice;
    }
    return Error{ErrorCode::unsupported, "no OCI runtime works on this host: " + reasons};
}

void forget_choice(const fs::path& cache_folder) {
    std::error_code ignored;
    if (!cache_folder.empty()) fs::remove(cache_folder / kCacheFile, ignored);
}

}  // namespace labhub::coordinator::runner
