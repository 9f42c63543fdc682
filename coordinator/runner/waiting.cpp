#include "coordinator/runner/waiting.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <tuple>

#include <spdlog/spdlog.h>

#include "coordinator/runner/job_run.hpp"
#include "coordinator/runner/result_folder.hpp"
#include "coordinator/runner/root_folder.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

constexpr int kRuntimeSeconds = 60;
constexpr int kInitSeconds = 10;

/// A sandbox without a job. Removed with this object, unless a job has taken it.
struct Waiting {
    Waiting(Sandbox sandbox_in, RuntimeChoice choice_in)
        : sandbox(std::move(sandbox_in)), choice(std::move(choice_in)) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() {
        if (is_taken) return;
        if (standing.init > 0) {
            ::kill(standing.init, SIGKILL);
            wait_process(standing.init, kInitSeconds);
        }
        sandbox.dismantle();
    }

    Sandbox sandbox;
    RuntimeChoice choice;
    StandingSandbox standing;
    std::string host;  ///< the mark of the host's files it was made of
    bool is_taken = false;
};

Result<void> stand_up(Waiting& waiting) {
    LABHUB_TRY(StreamPairs streams, make_streams());
    const SandboxStreams theirs{streams.their_out.get(), streams.their_err.get(), streams.their_lifeline.get()};
    LABHUB_TRY(const pid_t runtime, waiting.sandbox.start(theirs));
    if (wait_process(runtime, kRuntimeSeconds) != 0)
        return Error{ErrorCode::unsupported, waiting.sandbox.runtime_error()};
    LABHUB_TRY(waiting.standing.init, waiting.sandbox.init_process());
    streams.their_out.reset();
    streams.their_err.reset();
    streams.their_lifeline.reset();
    waiting.standing.streams = std::move(streams);
    return {};
}

Result<std::unique_ptr<Waiting>> make_waiting(const JobSpec& like, const fs::path& folder) {
    // The container's first process becomes our child when the runtime's own process has gone.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::string host = image_files_mark(like.root);
    LABHUB_TRY(RuntimeChoice choice, choose_runtime(like.runtime, like.cache_folder, folder));
    LABHUB_TRY(Sandbox sandbox, Sandbox::prepare_waiting(like, folder, choice));
    auto waiting = std::make_unique<Waiting>(std::move(sandbox), std::move(choice));
    waiting->host = std::move(host);
    const auto standing = stand_up(*waiting);
    if (!standing) {
        forget_choice(like.cache_folder);
        return standing.error();
    }
    return waiting;
}

/// The folder of the job that is given. Nothing: the giver has ended. Error unavailable: the sandbox has died.
Result<std::optional<fs::path>> await_job(const Waiting& waiting, const UniqueFd& giver) {
    LABHUB_TRY(const int handle, open_process(waiting.standing.init));
    const UniqueFd init{handle};
    while (true) {
        std::array<pollfd, 2> events{pollfd{giver.get(), POLLIN, 0}, pollfd{init.get(), POLLIN, 0}};
        if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR)
            return system_error("wait for a job", errno);
        if (events[0].revents != 0) {
            std::array<char, kMaxGiverPacket> packet{};
            const ssize_t got = ::recv(giver.get(), packet.data(), packet.size(), MSG_DONTWAIT);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (got <= 0) return std::optional<fs::path>{};
            return fs::path{std::string(packet.data(), static_cast<std::size_t>(got))};
        }
        if (events[1].revents != 0) return Error{ErrorCode::unavailable, "the sandbox that waited has died"};
    }
}

/// What is said from now on belongs to the job.
void log_into(const fs::path& job_dir) {
    const UniqueFd log{::open((job_dir / "runner.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (!log) return;
    ::dup2(log.get(), STDOUT_FILENO);
    ::dup2(log.get(), STDERR_FILENO);
}

bool is_alive(pid_t init) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(init), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

/// What fits() leaves to be set.
std::tuple<std::uint64_t, double, std::uint32_t> settable(const Limits& limits) {
    return {limits.memory_bytes, limits.cpus, limits.pids};
}

/// The sandbox is the job's when this succeeds; the job's folder is as it was when not.
Result<void> take(Waiting& waiting, const JobSpec& like, const JobSpec& job, const fs::path& job_dir) {
    if (!is_alive(waiting.standing.init)) return Error{ErrorCode::unavailable, "it has died"};
    if (!fits(like, job)) return Error{ErrorCode::conflict, "the job asks for another one"};
    LABHUB_CHECK(run_message(job));
    if (image_files_mark(job.root) != waiting.host)
        return Error{ErrorCode::conflict, "files of the host have changed since"};
    if (settable(like.limits) != settable(job.limits)) LABHUB_CHECK(waiting.sandbox.set_limits(job.limits));
    LABHUB_CHECK(waiting.sandbox.take_job(job_dir));
    waiting.is_taken = true;
    return {};
}

[[noreturn]] void run_from_the_start(const fs::path& job_dir) {
    std::string folder = job_dir.string();
    ::execl("/proc/self/exe", "labhub-runner", "run", folder.c_str(), nullptr);
    spdlog::critical("{}", system_error("start again", errno).to_string());
    ::_exit(1);
}

Result<void> run_given(std::unique_ptr<Waiting> waiting, const JobSpec& like, const fs::path& job_dir) {
    log_into(job_dir);
    LABHUB_TRY(JobSpec job, read_job_spec(job_dir));
    const JobFolders folders = folders_of(job_dir);
    LABHUB_TRY(const JobLock lock, claim_job(folders));
    if (const auto taken = take(*waiting, like, job, job_dir); !taken) {
        spdlog::info("the sandbox that waited is not used: {}", taken.error().to_string());
        waiting.reset();
        run_from_the_start(job_dir);
    }
    run_job(std::move(job), folders, waiting->choice, std::move(waiting->sandbox), std::move(waiting->standing));
    return {};
}

void say(const UniqueFd& giver, const std::string& text) {
    (void)!::send(giver.get(), text.data(), std::min(text.size(), kMaxGiverPacket), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Result<void> wait_for_job(const fs::path& folder, UniqueFd giver) {
    ::fcntl(giver.get(), F_SETFD, FD_CLOEXEC);
    LABHUB_TRY(const JobLock lock, lock_job(folders_of(folder)));
    LABHUB_TRY(const JobSpec like, read_job_spec(folder));
    auto waiting = make_waiting(like, folder);
    if (!waiting) {
        say(giver, waiting.error().to_string());
        return waiting.error();
    }
    say(giver, kReady);
    const auto given = await_job(**waiting, giver);
    if (!given) {
        say(giver, given.error().to_string());
        return given.error();
    }
    if (!*given) return {};
    giver.reset();
    return run_given(std::move(*waiting), like, **given);
}

}  // namespace labhub::coordinator::runner
