#include "coordinator/domain/jobs/engine.hpp"

#include <tuple>

#include <spdlog/spdlog.h>

#include "shared/base/secret.hpp"

namespace labhub::coordinator::jobs {
namespace {

constexpr std::chrono::seconds kReadingsWait{3};
constexpr std::chrono::milliseconds kUntilNextCheck{250};

/// What a dry run needs of the lab's devices.
const Needs kNothing{{DeviceAddress{}}, {}, {}};

/// The job's end is stored: its runner may go. One whose start was taken for a failure has a script yet, and ends it
/// first; one that has ended takes no notice.
void let_go(runner::JobSocket& socket, const JobId& id, std::chrono::milliseconds grace) {
    (void)socket.stop_job(id, std::string(reason::kSandboxFailed), grace);
    (void)socket.release(id);
}

}  // namespace

Engine::Engine(asio::any_io_executor executor, EngineSettings settings, Parts parts)
    : executor_(executor),
      settings_(std::move(settings)),
      parts_(std::move(parts)),
      choices_(parts_.fleet),
      followers_(executor),
      usage_(settings_.usage_half_life),
      pause_news_(executor, Steady::time_point::max()),
      tasks_(executor) {
    parts_.store.listen(followers_.listener());
}

Task<Result<void>> Engine::start() {
    auto stored = co_await parts_.store.load();
    if (!stored) co_return std::move(stored).error();
    auto open_leases = co_await parts_.store.load_open_leases();
    if (!open_leases) co_return std::move(open_leases).error();
    auto pause = co_await parts_.store.load_pause();
    if (!pause) co_return std::move(pause).error();
    pause_ = std::move(*pause);
    auto usage = co_await load_usage();
    if (!usage) co_return usage;
    for (auto& job : *stored) {
        const JobId id = job.id;
        jobs_[id].job = std::move(job);
    }
    parts_.leases.restore(*open_leases);
    runner::JobSocketEvents events;
    events.admit = [this](runner::Hello hello) { return admit(std::move(hello)); };
    events.on_hello = [this](runner::Hello hello, UniqueFd listener) {
        runner_hello(std::move(hello), std::move(listener));
    };
    events.on_started = [this](JobId id, runner::Started started) { runner_started(id, started); };
    events.on_ended = [this](JobId id, runner::Ended ended) { runner_ended(id, ended); };
    events.on_snapshot = [this](JobId id, runner::SnapshotTaken taken) { runner_copied(id, std::move(taken)); };
    events.on_pause_state = [this](JobId id, runner::PauseState state) { runner_pause_state(id, state); };
    events.on_lost = [this](JobId id) { runner_lost(id); };
    auto socket = runner::JobSocket::open(executor_, settings_.socket, std::move(events));
    if (!socket) co_return std::move(socket).error();
    socket_ = std::move(*socket);
    drop_orphans(*open_leases);
    for (const auto& [id, entry] : jobs_) resume(id);
    tasks_.spawn("sizes of results", count_results());
    if (auto usual = parts_.images.choose(std::nullopt, images::kAdminRole))
        tasks_.spawn("script check", prepare_script_check(std::move(*usual), std::chrono::milliseconds{0}));
    if (active_count() > 0)
        spdlog::info("{} jobs were active when the coordinator ended: waiting for their runners", active_count());
    co_return Result<void>{};
}

Task<void> Engine::close() {
    co_await tasks_.stop();
    if (socket_) co_await socket_->close();
}

Task<Result<Job>> Engine::submit(Submission submission) {
    const bool may_queue = submission.queue;
    auto known = check_devices(submission);
    if (!known) co_return std::move(known).error();
    if (submission.dry_run)
        if (auto possible = parts_.dry_runs.check(submission.device); !possible) co_return std::move(possible).error();
    auto image = parts_.images.choose(submission.image, submission.role);
    if (!image) co_return std::move(image).error();
    auto made = make_job(std::move(submission), parts_.clock.utc_now());
    if (!made) co_return std::move(made).error();
    Job job = std::move(*made);
    job.image = image->name;
    job.image_digest = image->digest;
    job.python = image->python;
    auto checked = co_await check_script(*image, job.script);
    if (!checked) co_return std::move(checked).error();
    auto found = co_await find_inputs(job);
    if (!found) co_return std::move(found).error();
    job.inputs = std::move(*found);
    auto acceptable = check_acceptable(job, may_queue);
    if (!acceptable) co_return std::move(acceptable).error();
    // Excludes the id from now on.
    arriving_.emplace(job.id, Arriving{job.dry_run ? kNothing : job.needs, job.requested_by});
    auto queued = happened(to_string(Status::queued), "", job.requested_by);
    auto stored = co_await parts_.store.insert(job, std::move(queued));
    arriving_.erase(job.id);
    if (!stored) co_return std::move(stored).error();
    jobs_[job.id].job = job;
    if (jobs_.contains(job.restarted_from)) remark(job.restarted_from, event::kRestarted, "as " + job.id.value);
    spdlog::info("{} {} of {} is queued for {}", job.dry_run ? "dry run" : "experiment", job.id.value, job.requested_by,
                 to_string(job.needs));
    tasks_.spawn("queue", run_queue());
    tasks_.spawn("script check", prepare_script_check(std::move(*image), kUntilNextCheck));
    co_return job;
}

Result<void> Engine::check_acceptable(const Job& job, bool may_queue) {
    LABHUB_CHECK(check_can_be_met(job.limits));
    const std::string choose = "choose another experiment_id, or leave it out";
    if (jobs_.contains(job.id) || arriving_.contains(job.id))
        return Error{ErrorCode::conflict, "an experiment with the id '" + job.id.value + "' exists already", choose};
    std::error_code failure;
    if (std::filesystem::exists(parts_.results.folder_of(job.id), failure))
        return Error{ErrorCode::conflict,
                     "there are results of an earlier experiment with the id '" + job.id.value + "'", choose};
    const auto queued =
        std::count_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return e.second.job.status == Status::queued; });
    if (static_cast<std::size_t>(queued) + arriving_.size() >= settings_.max_queued)
        return Error{ErrorCode::too_many, "the queue is full",
                     "at most " + std::to_string(settings_.max_queued) + " experiments wait"};
    LABHUB_CHECK(check_user(job, may_queue));
    return may_queue || job.dry_run ? Result<void>{} : check_idle(job);
}

Result<const Job*> Engine::find(const JobId& id) const {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return Error{ErrorCode::not_found, "no experiment '" + id.value.substr(0, 64) + "'"};
    return &found->second.job;
}

std::vector<const Job*> Engine::list() const {
    std::vector<const Job*> all;
    for (const auto& [id, entry] : jobs_) all.push_back(&entry.job);
    std::sort(all.begin(), all.end(),
              [](const Job* a, const Job* b) { return std::tie(a->created, a->id) > std::tie(b->created, b->id); });
    return all;
}

std::size_t Engine::count_of(const std::string& principal) const {
    const auto is_his = [&](const auto& e) { return e.second.job.requested_by == principal; };
    const auto arrives = [&](const auto& e) { return e.second.user == principal; };
    return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), is_his) +
                                    std::count_if(arriving_.begin(), arriving_.end(), arrives));
}

Engine::Entry* Engine::entry(const JobId& id) {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

std::size_t Engine::active_count() const {
    return static_cast<std::size_t>(
        std::count_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return is_active(e.second.job.status); }));
}

/// A job that was asked to stop before it had a runner.
void Engine::end_unstarted(const JobId& id) {
    Ending ending;
    ending.time = parts_.clock.utc_now();
    begin_finish(id, std::move(ending));
}

void Engine::sandbox_failed(const JobId& id, const Error& why) {
    Ending ending;
    ending.time = parts_.clock.utc_now();
    ending.exit_code = -1;
    ending.reason = reason::kSandboxFailed;
    ending.message = why.to_string();
    begin_finish(id, std::move(ending));
}

Task<Result<void>> Engine::stop(JobId id, std::string why, std::string message) {
    Entry* const self = entry(id);
    if (!self) co_return find(id).error();
    if (is_final(self->job.status)) {
        Error over{ErrorCode::conflict, "experiment '" + id.value + "' has ended already",
                   "it is " + std::string(to_string(self->job.status))};
        co_return over;
    }
    if (!self->job.stop_reason.empty() || self->is_finishing) co_return Result<void>{};
    self->job.stop_reason = why;
    self->job.message = message;
    spdlog::info("experiment {} is being stopped: {}", id.value, message.empty() ? why : message);
    const bool was_queued = self->job.status == Status::queued;
    if (!was_queued) self->job.status = Status::stopping;
    auto stopping = happened(to_string(Status::stopping), message.empty() ? why : message);
    auto stored = co_await parts_.store.update(self->job, std::move(stopping));
    if (!stored) spdlog::error("can't store the stop of experiment {}: {}", id.value, stored.error().to_string());
    if (was_queued) {
        end_unstarted(id);
        co_return Result<void>{};
    }
    // A runner that isn't connected now is told when it says Hello.
    if (auto told = socket_->stop_job(id, why, settings_.stop_grace); !told)
        spdlog::debug("{}", told.error().to_string());
    co_return Result<void>{};
}

void Engine::begin_finish(const JobId& id, Ending ending) {
    Entry* const self = entry(id);
    if (!self || self->is_finishing || is_final(self->job.status)) return;
    self->is_finishing = true;
    tasks_.spawn("finish " + id.value, finish(id, std::move(ending)));
}

Task<void> Engine::finish(JobId id, Ending ending) {
    Entry* const self = entry(id);
    const bool had_sandbox = self->job.status != Status::queued;
    // Its runner has something else to do now: whoever waits for a copy of the outputs is told at once.
    runner::SnapshotTaken none;
    none.failure = "the script has ended; its results are there in a moment";
    runner_copied(id, std::move(none));
    if (had_sandbox && std::exchange(self->job.status, Status::stopping) != Status::stopping)
        parts_.store.post_update(self->job, happened(to_string(Status::stopping)));
    // First the vessel, then the paper.
    if (!self->job.lease.empty()) {
        auto released = co_await parts_.leases.release(self->job.lease, "experiment ended");
        if (!released)
            spdlog::error("can't store the end of the lease of {}: {}", id.value, released.error().to_string());
    }
    parts_.api.close(id);
    std::string found;
    if (self->job.dry_run) co_await finish_dry_run(id, &ending, &found);
    if (self->job.started && !self->job.dry_run)
        co_await parts_.recorder.wait_for_readings(self->job.device, ending.time, kReadingsWait);
    Job concluded = self->job;
    conclude(concluded, ending);
    if (const auto user = parts_.accounts.user(std::string(accounts::user_of(concluded.requested_by))))
        concluded.requester_name = (*user)->full_name;
    if (!found.empty()) concluded.message += (concluded.message.empty() ? "" : "; ") + found;
    auto ended = happened(to_string(concluded.status), concluded.message);
    auto written = co_await write_results(concluded, ended);
    if (!written) {
        spdlog::error("the results of experiment {} are incomplete: {}", id.value, written.error().to_string());
        concluded.message +=
            (concluded.message.empty() ? "" : "; ") + ("the results are incomplete: " + written.error().to_string());
    }
    ended.message = concluded.message;
    concluded.result_bytes = co_await result_size(id);
    auto stored = co_await parts_.store.update(concluded, std::move(ended));
    if (!stored) spdlog::error("can't store the end of experiment {}: {}", id.value, stored.error().to_string());
    usage_.add(concluded.requested_by, *concluded.ended, concluded.cpu_ms.value_or(0));
    concluded.labels = self->job.labels;  // they may have changed meanwhile
    concluded.result = self->job.result;
    self->job = std::move(concluded);
    self->job.script.clear();
    self->is_finishing = false;
    self->lost_since.reset();
    partials_.erase(id);
    if (stored && socket_->is_connected(id)) let_go(*socket_, id, settings_.stop_grace);
    if (had_sandbox) clear_away_sandbox(id);
    spdlog::info("experiment {} {}{}{}", id.value, to_string(self->job.status), self->job.message.empty() ? "" : ": ",
                 self->job.message);
    co_await run_queue();
}

Task<bool> Engine::admit(runner::Hello hello) {
    const Entry* const self = entry(hello.job_id);
    if (!self) co_return false;
    co_return same_secret(hello.secret, self->job.secret);
}

void Engine::runner_hello(runner::Hello hello, UniqueFd listener) {
    Entry* const self = entry(hello.job_id);
    if (!self) return;
    self->has_reported = true;
    self->lost_since.reset();
    self->pausing.runner = hello.pause;
    if (is_final(self->job.status)) {
        let_go(*socket_, hello.job_id, settings_.stop_grace);
        return;
    }
    if (is_interrupted_dry_run(*self, hello.phase)) {
        self->job.stop_reason = reason::kInterrupted;
        self->job.message = "the coordinator was started anew during the dry run, and its twin is gone: start it again";
    } else if (listener && !self->is_finishing) {
        if (auto opened = open_api(*self, std::move(listener)); !opened) {
            spdlog::error("the API of experiment {} can't be served: {}", hello.job_id.value,
                          opened.error().to_string());
            if (self->job.dry_run) self->job.stop_reason = reason::kSandboxFailed;
            if (self->job.dry_run) self->job.message = opened.error().to_string();
        }
    }
    if (!self->job.stop_reason.empty() && hello.phase != runner::Phase::ended)
        (void)socket_->stop_job(hello.job_id, self->job.stop_reason, settings_.stop_grace);
}

void Engine::runner_started(const JobId& id, const runner::Started& started) {
    Entry* const self = entry(id);
    if (!self || is_final(self->job.status) || self->is_finishing || self->job.started) return;
    self->job.started = started.time;
    self->job.runtime = started.runtime;
    // One that was asked to stop meanwhile stays on the way to its end.
    const bool runs = self->job.status == Status::preparing;
    if (runs) self->job.status = Status::running;
    const std::string by = (runs ? "by " : "was started by ") + started.runtime;
    parts_.store.post_update(self->job, happened(to_string(self->job.status), by));
    spdlog::info("experiment {} runs (by {}, output bounded by {})", id.value, started.runtime, started.disk_limit_by);
}

Ending Engine::ending_of(const runner::Ended& ended) {
    Ending ending;
    ending.time = ended.time;
    ending.exit_code = ended.exit_code;
    ending.signal = ended.signal;
    ending.reason = ended.reason;
    ending.message = ended.message;
    ending.peak_memory_bytes = static_cast<std::int64_t>(ended.peak_memory_bytes);
    ending.cpu_ms = static_cast<std::int64_t>(ended.cpu_ms);
    return ending;
}

void Engine::runner_ended(const JobId& id, const runner::Ended& ended) { begin_finish(id, ending_of(ended)); }

void Engine::runner_lost(const JobId& id) {
    Entry* const self = entry(id);
    if (!self) return;
    if (is_final(self->job.status)) return clear_away_sandbox(id);
    self->pausing.runner.reset();
    self->lost_since = parts_.clock.steady_now();
    tasks_.spawn("watch", watch_active());
}

}  // namespace labhub::coordinator::jobs
