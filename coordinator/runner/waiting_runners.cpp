#include "coordinator/runner/waiting_runners.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include <spdlog/spdlog.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "coordinator/runner/detached.hpp"
#include "coordinator/runner/waiting.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// The time from a job's start until the next sandbox is made: the script has begun by then.
constexpr std::chrono::milliseconds kQuiet{500};
constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::minutes kLongestPause{5};
constexpr std::chrono::seconds kEndLimit{20};
constexpr std::chrono::seconds kCloseLimit{5};
constexpr std::size_t kMaxReason = 500;
/// labhub-runner's exit status for "a runner is at work on this folder".
constexpr int kExitConflict = 4;

std::vector<fs::path> folders_in(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure)) found.push_back(entry.path());
    return found;
}

Task<bool> is_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

struct WaitingRunners::Waiting {
    Waiting(asio::any_io_executor executor, int giver) : control(executor, giver) {}
    fs::path folder;
    pid_t pid = 0;
    asio::posix::stream_descriptor control;
    bool is_ready = false, was_ready = false, is_given = false;
    bool is_replaced = false;  ///< its end makes room for one of another kind
    std::string complaint;
};

WaitingRunners::WaitingRunners(asio::any_io_executor executor, fs::path program)
    : executor_(executor), program_(std::move(program)), all_gone_(executor), tasks_(executor) {}

WaitingRunners::~WaitingRunners() = default;

void WaitingRunners::keep(ReadySandboxes settings) {
    settings_ = std::move(settings);
    tasks_.spawn("leftover sandboxes", clear_leftovers(folders_in(settings_.folder)));
    for (std::size_t i = 0; i < settings_.count; ++i) tasks_.spawn("ready sandbox", keep_one());
}

void WaitingRunners::keep_like(JobSpec like) {
    if (settings_.count == 0 || fits(settings_.like, like)) return;
    settings_.like = std::move(like);
    for (const auto& waiting : waiting_) {
        if (waiting->is_given) continue;
        waiting->is_ready = false;
        waiting->is_replaced = true;
        ::shutdown(waiting->control.native_handle(), SHUT_WR);
    }
}

/// What waited for a coordinator before this one and could not end in order. One that is ending now is busy: it is
/// left alone.
Task<void> WaitingRunners::clear_leftovers(std::vector<fs::path> folders) {
    for (const auto& folder : folders) co_await discard(folder);
}

std::optional<pid_t> WaitingRunners::give(const fs::path& job_dir, const JobSpec& job) {
    quiet_from_ = Steady::now() + kQuiet;
    const std::string text = job_dir.string();
    if (text.size() > kMaxGiverPacket || !fits(settings_.like, job)) return std::nullopt;
    for (const auto& waiting : waiting_) {
        if (!std::exchange(waiting->is_ready, false)) continue;
        // The whole or nothing, as it is one packet. Nothing: it has just died.
        if (::send(waiting->control.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
            static_cast<ssize_t>(text.size()))
            continue;
        waiting->is_given = true;
        tasks_.spawn("runner process", reap_runner(waiting->pid, text));
        return waiting->pid;
    }
    return std::nullopt;
}

std::size_t WaitingRunners::ready_count() const {
    return static_cast<std::size_t>(
        std::count_if(waiting_.begin(), waiting_.end(), [](const auto& each) { return each->is_ready; }));
}

Task<void> WaitingRunners::keep_one() {
    Backoff backoff{kFirstPause, kLongestPause};
    while (!is_closing_) {
        co_await wait_for_quiet();
        const bool cancelled = co_await is_cancelled();
        if (is_closing_ || cancelled) co_return;
        auto started = start_one();
        std::string why;
        if (started) {
            const auto waiting = std::move(*started);
            co_await follow(waiting);
            if (!waiting->is_given) co_await clear_away(waiting);
            forget(waiting);
            if (waiting->is_given || waiting->was_ready) backoff.reset();
            if (waiting->is_given || waiting->is_replaced || is_closing_) continue;
            why = waiting->complaint.empty() ? "its runner ended" : waiting->complaint;
        } else {
            why = started.error().to_string();
        }
        const auto pause = backoff.next();
        spdlog::warn("no sandbox is kept ready, jobs start without: {}; next attempt in {}", why,
                     format_duration(pause));
        co_await sleep_for(pause);
    }
}

Task<void> WaitingRunners::wait_for_quiet() {
    while (Steady::now() < quiet_from_ && !is_closing_) {
        co_await sleep_for(quiet_from_ - Steady::now());
        const bool cancelled = co_await is_cancelled();
        if (cancelled) co_return;
    }
}

Result<std::shared_ptr<WaitingRunners::Waiting>> WaitingRunners::start_one() {
    JobSpec spec = settings_.like;
    spec.job_id = JobId{new_id()};
    const fs::path folder = settings_.folder / spec.job_id.value;
    LABHUB_CHECK(make_folder(settings_.folder, 0700));
    LABHUB_CHECK(make_folder(folder, 0700));
    LABHUB_CHECK(write_job_spec(folder, spec));
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error("make a socket for a waiting runner", errno);
    const UniqueFd theirs{ends[1]};
    auto waiting = std::make_shared<Waiting>(executor_, ends[0]);
    waiting->folder = folder;
    LABHUB_TRY(waiting->pid, start_detached(program_, "wait", folder, theirs.get()));
    waiting_.push_back(waiting);
    return waiting;
}

/// Until it has closed its end: it has taken a job, or it is about to end.
Task<void> WaitingRunners::follow(std::shared_ptr<Waiting> waiting) {
    while (true) {
        auto [failure] = co_await waiting->control.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        if (failure) break;
        std::array<char, kMaxGiverPacket> packet{};
        const ssize_t got = ::recv(waiting->control.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0) break;
        const std::string said(packet.data(), static_cast<std::size_t>(got));
        if (said != kReady) waiting->complaint = printable(said, kMaxReason);
        waiting->was_ready = said == kReady && !is_closing_;
        waiting->is_ready = waiting->was_ready && !waiting->is_replaced;
    }
    waiting->is_ready = false;
}

/// It removes its sandbox by itself, unless it was killed.
Task<void> WaitingRunners::clear_away(std::shared_ptr<Waiting> waiting) {
    auto ending = await_exit(waiting->pid);
    const auto ended = co_await within(kEndLimit, std::move(ending));
    if (!ended) {
        ::kill(waiting->pid, SIGKILL);
        tasks_.spawn("runner process", reap_runner(waiting->pid, waiting->folder.string()));
    }
    std::error_code failure;
    if (fs::exists(waiting->folder, failure)) co_await discard(waiting->folder);
}

Task<void> WaitingRunners::discard(fs::path folder) {
    const auto pid = start_detached(program_, "discard", folder);
    if (!pid) co_return;
    auto ending = await_exit(*pid);
    const auto status = co_await within(kEndLimit, std::move(ending));
    if (!status) tasks_.spawn("discarding process", reap_runner(*pid, folder.string()));
    const bool is_its_runner_alive = status && WIFEXITED(*status) && WEXITSTATUS(*status) == kExitConflict;
    if ((!status || *status != 0) && !is_its_runner_alive)
        spdlog::warn("{} is left of a sandbox that had no job", folder.string());
}

void WaitingRunners::forget(const std::shared_ptr<Waiting>& waiting) {
    std::erase(waiting_, waiting);
    if (is_closing_ && waiting_.empty()) all_gone_.cancel();
}

Task<void> WaitingRunners::close() {
    is_closing_ = true;
    for (const auto& waiting : waiting_) {
        waiting->is_ready = false;
        // It hears the end of the conversation and clears up; what it has been given already it reads before.
        ::shutdown(waiting->control.native_handle(), SHUT_WR);
    }
    all_gone_.expires_after(kCloseLimit);
    if (!waiting_.empty()) co_await all_gone_.async_wait(as_result);
    co_await tasks_.stop();
}

}  // namespace labhub::coordinator::runner
