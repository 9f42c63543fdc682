#include "coordinator/runner/job_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>

#include "coordinator/runner/init/init_protocol.h"
#include "coordinator/runner/outputs.hpp"
#include "coordinator/runner/result_folder.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::chrono::seconds kRuntimeDeadline{60};
constexpr std::chrono::seconds kLogDeadline{30};
constexpr std::chrono::milliseconds kOutputPeriod{500};
constexpr std::chrono::milliseconds kFloodPause{5};
constexpr std::chrono::hours kReleaseDeadline{7 * 24};
constexpr std::chrono::seconds kDismissedDeadline{5};
constexpr std::size_t kPipeChunk = 64u << 10;

}  // namespace

Result<StreamPairs> make_streams() {
    int out[2], err[2], lifeline[2];
    StreamPairs pairs;
    if (::pipe2(out, O_CLOEXEC) != 0) return system_error("make the sandbox's streams", errno);
    pairs.out = UniqueFd{out[0]}, pairs.their_out = UniqueFd{out[1]};
    if (::pipe2(err, O_CLOEXEC) != 0) return system_error("make the sandbox's streams", errno);
    pairs.err = UniqueFd{err[0]}, pairs.their_err = UniqueFd{err[1]};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lifeline) != 0)
        return system_error("make the sandbox's streams", errno);
    pairs.lifeline = UniqueFd{lifeline[0]}, pairs.their_lifeline = UniqueFd{lifeline[1]};
    return pairs;
}

Result<std::string> run_message(const JobSpec& spec) {
    labhub_init_message head{};
    head.kind = LABHUB_INIT_RUN;
    head.value = static_cast<std::int32_t>(spec.argv.size());
    std::string message(reinterpret_cast<const char*>(&head), sizeof head);
    const auto environment = sandbox_environment(spec);
    for (const auto& argument : spec.argv) message.append(argument).push_back('\0');
    for (const auto& [name, value] : environment) message.append(name).append("=").append(value).push_back('\0');
    if (message.size() > LABHUB_INIT_MAX_PACKET || spec.argv.size() + environment.size() > LABHUB_INIT_MAX_STRINGS)
        return Error{ErrorCode::too_large, "arguments and environment don't fit one message to labhub-init"};
    return message;
}

JobRun::JobRun(asio::io_context& context, JobSpec spec, JobFolders folders, RuntimeChoice choice,
               Result<Sandbox> sandbox, std::optional<StandingSandbox> standing)
    : context_(context),
      spec_(std::move(spec)),
      folders_(std::move(folders)),
      choice_(std::move(choice)),
      sandbox_(std::move(sandbox)),
      standing_(std::move(standing)),
      lifeline_(context),
      kill_timer_(context),
      release_timer_(context),
      logs_timer_(context),
      snapshot_(context.get_executor(), folders_),
      link_(context.get_executor(), spec_.socket, folders_.owner,
            {[this] { return hello(); },
             [this] { return sandbox_ && state_.phase != Phase::ended ? sandbox_->listener() : -1; },
             [this](std::string reason, std::chrono::milliseconds grace) { end_script(reason, grace); },
             [this] { released_ = true, release_timer_.cancel(); },
             [this](std::uint64_t most_bytes) { take_snapshot(most_bytes); },
             [this](std::chrono::milliseconds limit) { pause(limit); }, [this] { pausing_.resume(); }}),
      tasks_(context.get_executor()),
      pausing_(context.get_executor(), tasks_,
               {[this] { return find_freezer(); }, [this](const PauseState& now) { on_pause_changed(now); },
                [this] { end_script("pause_limit", std::chrono::milliseconds{spec_.limits.grace_ms}); }}),
      link_tasks_(context.get_executor()) {
    state_.job_id = spec_.job_id;
    state_.pid = ::getpid();
    state_.runtime_program = choice_.program;
    state_.hide_unified = choice_.hide_unified;
    state_.cgroup = sandbox_ ? sandbox_->cgroup_name() : cgroup_path(spec_.job_id);
}

JobRun::~JobRun() = default;

Task<void> JobRun::run() {
    // The container's first process becomes our child when the runtime's own process has gone.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (sandbox_) {
        co_await run_sandbox();
    } else {
        facts_.start_failure = sandbox_.error().to_string();
        forget_choice(spec_.cache_folder);
        link_tasks_.spawn("coordinator link", link_.run());
    }
    finish();
    co_await tasks_.stop();
    link_.report(*state_.ended);
    if (complete_) clear_away();
    co_await await_release();
    co_await link_tasks_.stop();
}

Result<void> JobRun::open_streams() {
    LABHUB_TRY(out_log_, LogFile::open(folders_.job / "stdout.txt", spec_.limits.log_bytes, folders_.owner));
    LABHUB_TRY(err_log_, LogFile::open(folders_.job / "stderr.txt", spec_.limits.log_bytes, folders_.owner));
    if (standing_) {
        streams_ = std::move(standing_->streams);
    } else {
        LABHUB_TRY(streams_, make_streams());
    }
    lifeline_.assign(streams_.lifeline.release());
    open_logs_ = 2;
    tasks_.spawn("stdout", pump(std::move(streams_.out), &*out_log_));
    tasks_.spawn("stderr", pump(std::move(streams_.err), &*err_log_));
    tasks_.spawn("lifeline", follow_lifeline());
    link_tasks_.spawn("signals", watch_signals());
    return {};
}

Task<void> JobRun::run_sandbox() {
    const auto opened = open_streams();
    if (!opened) {
        facts_.start_failure = opened.error().to_string();
        co_return;
    }
    bool running = false;
    if (standing_)
        running = run_in_standing();
    else
        running = co_await run_runtime();
    if (running) facts_.init_status = co_await await_process(init_);
    init_ = 0;
    co_await await_logs();
}

/// The container is there: its first process is told what to run. True when it was.
bool JobRun::run_in_standing() {
    init_ = standing_->init;
    const auto message = run_message(spec_);
    const bool told = message && ::send(lifeline_.native_handle(), message->data(), message->size(), MSG_NOSIGNAL) ==
                                     static_cast<ssize_t>(message->size());
    link_tasks_.spawn("coordinator link", link_.run());
    save();
    if (told) return true;
    facts_.start_failure = message ? "the sandbox that waited has ended" : message.error().to_string();
    kill_sandbox();
    return false;
}

/// Starts the container. True when its first process is running.
Task<bool> JobRun::run_runtime() {
    const auto runtime =
        sandbox_->start({streams_.their_out.get(), streams_.their_err.get(), streams_.their_lifeline.get()});
    // Connecting goes on beside the runtime's work.
    link_tasks_.spawn("coordinator link", link_.run());
    streams_ = {};
    save();
    if (!runtime) {
        facts_.start_failure = runtime.error().to_string();
        co_return false;
    }
    auto waiting = await_process(*runtime);
    const auto status = co_await within(kRuntimeDeadline, std::move(waiting));
    if (!status) ::kill(*runtime, SIGKILL);
    const auto init = status && *status == 0 ? sandbox_->init_process() : Result<pid_t>(Error{});
    if (init) {
        init_ = *init;
        if (killed_) kill_sandbox();
        co_return true;
    }
    facts_.start_failure = status ? sandbox_->runtime_error() : choice_.version + " made no sandbox within a minute";
    spdlog::error("{}", facts_.start_failure);
    forget_choice(spec_.cache_folder);
    co_return false;
}

/// The wait status of a child, which is reaped.
Task<int> JobRun::await_process(pid_t pid) {
    const auto handle = open_process(pid);
    if (!handle) co_return -1;
    asio::posix::stream_descriptor process(context_, *handle);
    co_await process.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    int status = -1;
    if (::waitpid(pid, &status, WNOHANG) != pid) co_return -1;
    co_return status;
}

/// Every process is dead, so both pipes end as soon as they are drained.
Task<void> JobRun::await_logs() {
    logs_timer_.expires_after(kLogDeadline);
    if (open_logs_ > 0) co_await logs_timer_.async_wait(as_result);
    out_log_->finish();
    err_log_->finish();
}

Task<void> JobRun::pump(UniqueFd from, LogFile* into) {
    asio::posix::stream_descriptor pipe(context_, from.release());
    std::vector<char> chunk(kPipeChunk);
    while (true) {
        auto [failure, got] = co_await pipe.async_read_some(asio::buffer(chunk), as_result);
        if (failure) break;
        into->write({chunk.data(), got});
        // A flood past the limit is slowed down rather than read as fast as it comes: reading it is our time, not the
        // job's.
        if (into->is_full() && init_ != 0) co_await sleep_for(kFloodPause);
    }
    if (--open_logs_ == 0) logs_timer_.cancel();
}

Task<void> JobRun::follow_lifeline() {
    while (true) {
        auto [failure] = co_await lifeline_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        if (failure) co_return;
        labhub_init_message message{};
        const ssize_t got = ::recv(lifeline_.native_handle(), &message, sizeof message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got != static_cast<ssize_t>(sizeof message)) co_return;
        if (message.kind == LABHUB_INIT_STARTED) on_started();
        if (message.kind == LABHUB_INIT_ENDED) facts_.script_status = message.value;
        if (message.kind == LABHUB_INIT_NOT_STARTED)
            facts_.start_failure =
                "can't execute " + spec_.argv.front() + " in the sandbox: " + std::strerror(message.value);
    }
}

void JobRun::on_started() {
    state_.phase = Phase::running;
    state_.started = Started{SystemClock{}.utc_now(), choice_.version, sandbox_->disk_limit_by()};
    link_.report(*state_.started);
    save();
    tasks_.spawn("time limit", watch_time());
    if (sandbox_->disk_limit_by() == "polling") tasks_.spawn("output limit", watch_output());
    if (!facts_.cause.empty()) tell_init(LABHUB_INIT_TERMINATE);
}

Task<void> JobRun::watch_time() {
    const std::chrono::milliseconds limit{spec_.limits.time_limit_ms};
    co_await pausing_.run_for(limit);
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() == asio::cancellation_type::none)
        end_script("time_limit", std::chrono::milliseconds{spec_.limits.grace_ms});
}

Task<void> JobRun::watch_output() {
    const FolderUse most{spec_.limits.output_bytes, spec_.limits.output_files};
    while (facts_.cause.empty()) {
        co_await sleep_for(kOutputPeriod);
        if (holds_more_than(sandbox_->output(), most)) end_script("disk_limit", {});
    }
}

Task<void> JobRun::watch_signals() {
    asio::signal_set signals(context_, SIGTERM, SIGINT, SIGHUP);
    auto [failure, number] = co_await signals.async_wait(as_result);
    if (failure) co_return;
    dismissed_ = true;
    release_timer_.cancel();
    end_script("runner_stopped", std::chrono::milliseconds{spec_.limits.grace_ms});
}

/// The first cause is the one that is told; a later one may only bring the kill forward.
void JobRun::end_script(const std::string& cause, std::chrono::milliseconds grace) {
    if (state_.phase == Phase::ended || !sandbox_) return;
    const auto deadline = Steady::now() + grace;
    if (!facts_.cause.empty()) {
        if (deadline < kill_timer_.expiry()) kill_timer_.expires_at(deadline);
        return;
    }
    facts_.cause = cause.empty() ? "user" : cause;
    spdlog::info("ending the script: {}", facts_.cause);
    kill_timer_.expires_at(deadline);
    tasks_.spawn("kill", kill_later());
    if (grace.count() <= 0) return;
    if (state_.phase == Phase::running) tell_init(LABHUB_INIT_TERMINATE);
    // What is frozen gets its grace too, and can use it.
    pausing_.end();
}

void JobRun::tell_init(char kind) {
    const labhub_init_message message{kind, 0};
    (void)!::send(lifeline_.native_handle(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Task<void> JobRun::kill_later() {
    while (Steady::now() < kill_timer_.expiry()) {
        co_await kill_timer_.async_wait(as_result);
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none) co_return;
    }
    kill_sandbox();
}

/// The end of a pid namespace's first process is the end of all in it. What is frozen is thawed last, so that none of
/// it runs once more.
void JobRun::kill_sandbox() {
    killed_ = true;
    if (init_ > 0) ::kill(init_, SIGKILL);
    if (sandbox_ && pausing_.state().is_frozen) sandbox_->cgroup().kill_once();
    pausing_.end();
}

void JobRun::take_snapshot(std::uint64_t most_bytes) {
    const auto report = [this](SnapshotTaken taken) { link_.report(taken); };
    if (state_.phase != Phase::running) {
        SnapshotTaken none;
        none.failure = state_.phase == Phase::ended ? "the script has ended" : "the script has not begun";
        return report(std::move(none));
    }
    snapshot_.take(sandbox_->output(), output_bounds(folders_, spec_.limits, most_bytes), report);
}

void JobRun::finish() {
    snapshot_.stop();
    pausing_.end();
    if (sandbox_) {
        facts_.use = sandbox_->resource_use();
        facts_.output_full = sandbox_->is_output_full();
    }
    state_.ended = name_the_end(facts_, spec_.limits);
    state_.ended->time = SystemClock{}.utc_now();
    const auto output = sandbox_ ? sandbox_->output() : std::filesystem::path{};
    const auto completed = complete_result(folders_, spec_.limits, output, state_);
    if (!completed) spdlog::error("the result folder is incomplete: {}", completed.error().to_string());
    state_.phase = Phase::ended;
    complete_ = completed.has_value();
    if (sandbox_) sandbox_->close_listener();
    spdlog::info("ended: {}", state_.ended->message);
}

void JobRun::clear_away() {
    if (sandbox_) return sandbox_->dismantle();
    std::error_code failure;
    if (folders_.is_apart) std::filesystem::remove_all(folders_.sandbox, failure);
}

Task<void> JobRun::await_release() {
    while (!released_) {
        release_timer_.expires_after(dismissed_ ? kDismissedDeadline : kReleaseDeadline);
        auto [failure] = co_await release_timer_.async_wait(as_result);
        // Released, or dismissed meanwhile.
        if (failure) continue;
        spdlog::warn("no coordinator has taken the end of this job; it is in runner.json");
        co_return;
    }
}

void JobRun::save() {
    const auto saved = record_state(folders_, state_);
    if (!saved) spdlog::error("{}", saved.error().to_string());
}

Hello JobRun::hello() const {
    return Hello{spec_.job_id, spec_.secret, state_.pid, state_.phase, state_.started, state_.ended, pausing_.state()};
}

void run_job(JobSpec spec, JobFolders folders, RuntimeChoice choice, Result<Sandbox> sandbox,
             std::optional<StandingSandbox> standing) {
    asio::io_context context{1};
    JobRun job{context,           std::move(spec),    std::move(folders),
               std::move(choice), std::move(sandbox), std::move(standing)};
    asio::co_spawn(context, job.run(), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    context.run();
}

}  // namespace labhub::coordinator::runner
