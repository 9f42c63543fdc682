#include "coordinator/domain/jobs/engine.hpp"

#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/script_check.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// A lease outlives the script's time limit by what starting, stopping and collecting may take.
constexpr std::chrono::minutes kLeaseMargin{5};
constexpr std::chrono::seconds kReadingsWait{3};

Ending ending_of(const runner::Ended& ended) {
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

/// Comparing must take as long for a near miss as for a wild guess.
bool same_secret(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
    return difference == 0;
}

}  // namespace

Engine::Engine(asio::any_io_executor executor, EngineSettings settings, Parts parts)
    : executor_(executor), settings_(std::move(settings)), parts_(std::move(parts)), tasks_(executor) {}

Task<Result<void>> Engine::start() {
    auto stored = co_await parts_.store.load();
    if (!stored) co_return std::move(stored).error();
    auto open_leases = co_await parts_.store.load_open_leases();
    if (!open_leases) co_return std::move(open_leases).error();
    for (auto& job : *stored) {
        Entry& restored = jobs_[job.id];
        restored.job = std::move(job);
        if (is_active(restored.job.status)) restored.lost_since = parts_.clock.steady_now();
    }
    parts_.leases.restore(std::move(*open_leases));
    runner::JobSocketEvents events;
    events.admit = [this](runner::Hello hello) { return admit(std::move(hello)); };
    events.on_hello = [this](runner::Hello hello, UniqueFd listener) { runner_hello(std::move(hello), std::move(listener)); };
    events.on_started = [this](JobId id, runner::Started started) { runner_started(id, started); };
    events.on_ended = [this](JobId id, runner::Ended ended) { runner_ended(id, ended); };
    events.on_lost = [this](JobId id) { runner_lost(id); };
    auto socket = runner::JobSocket::open(executor_, settings_.socket, std::move(events));
    if (!socket) co_return std::move(socket).error();
    socket_ = std::move(*socket);
    if (active_count() > 0) spdlog::info("{} jobs were active when the coordinator ended: waiting for their runners", active_count());
    co_return Result<void>{};
}

Task<void> Engine::close() {
    co_await tasks_.stop();
    if (socket_) co_await socket_->close();
}

Task<Result<Job>> Engine::submit(Submission submission) {
    const bool may_queue = submission.queue;
    auto device = parts_.fleet.device(submission.device);
    if (!device) co_return std::move(device).error();
    auto made = make_job(std::move(submission), parts_.clock.utc_now());
    if (!made) co_return std::move(made).error();
    Job job = std::move(*made);
    auto check = [script = job.script] { return check_script_syntax(script); };
    auto checked = co_await run_blocking(parts_.pool, std::move(check));
    if (!checked) co_return std::move(checked).error();
    if (jobs_.contains(job.id)) {
        Error taken{ErrorCode::conflict, "an experiment with the id '" + job.id.value + "' exists already", "choose another experiment_id, or leave it out"};
        co_return taken;
    }
    const auto queued = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return e.second.job.status == Status::queued; });
    if (static_cast<std::size_t>(queued) >= settings_.max_queued) {
        Error full{ErrorCode::too_many, "the queue is full", "at most " + std::to_string(settings_.max_queued) + " experiments wait"};
        co_return full;
    }
    auto free = parts_.leases.check_free(job.device);
    if (!may_queue && !free) co_return std::move(free).error();
    jobs_[job.id].job = job;  // excludes the id from now on
    auto stored = co_await parts_.store.insert(job);
    if (!stored) {
        jobs_.erase(job.id);
        co_return std::move(stored).error();
    }
    spdlog::info("experiment {} of {} is queued for {}", job.id.value, job.requested_by, job.device.to_string());
    tasks_.spawn("queue", run_queue());
    co_return job;
}

Result<const Job*> Engine::find(const JobId& id) const {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return Error{ErrorCode::not_found, "no experiment '" + id.value.substr(0, 64) + "'"};
    return &found->second.job;
}

std::vector<const Job*> Engine::list() const {
    std::vector<const Job*> all;
    for (const auto& [id, entry] : jobs_) all.push_back(&entry.job);
    std::sort(all.begin(), all.end(), [](const Job* a, const Job* b) { return a->created > b->created; });
    return all;
}

std::optional<std::size_t> Engine::queue_position(const Job& job) const {
    if (job.status != Status::queued) return std::nullopt;
    std::size_t before = 0;
    for (const auto& [id, entry] : jobs_)
        if (entry.job.status == Status::queued && entry.job.created < job.created) ++before;
    return before + 1;
}

Engine::Entry* Engine::entry(const JobId& id) {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

std::size_t Engine::active_count() const {
    return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return is_active(e.second.job.status); }));
}

void Engine::persist(const Job& job) {
    auto write = [](store::JobStore& store, Job changed) -> Task<void> {
        auto stored = co_await store.update(changed);
        if (!stored) spdlog::error("can't store experiment {}: {}", changed.id.value, stored.error().to_string());
    };
    tasks_.spawn("store job", write(parts_.store, job));
}

Task<void> Engine::run_queue() {
    is_queue_wanted_ = true;
    if (is_queue_running_) co_return;
    is_queue_running_ = true;
    while (std::exchange(is_queue_wanted_, false)) {
        std::vector<std::pair<UtcMillis, JobId>> waiting;
        for (const auto& [id, entry] : jobs_)
            if (entry.job.status == Status::queued) waiting.emplace_back(entry.job.created, id);
        std::sort(waiting.begin(), waiting.end());
        for (const auto& [created, id] : waiting) {
            if (active_count() >= settings_.max_running) break;
            const Entry* const next = entry(id);
            if (!next || next->job.status != Status::queued) continue;
            if (!parts_.leases.check_free(next->job.device) || !parts_.fleet.reach(next->job.device)) continue;
            co_await start_job(id);
        }
    }
    is_queue_running_ = false;
}

Task<void> Engine::start_job(JobId id) {
    Entry* const self = entry(id);
    auto lease = parts_.leases.reserve(self->job.device, self->job.holder(), self->job.limits.time + kLeaseMargin);
    if (!lease) co_return;
    self->job.status = Status::preparing;
    self->job.lease = lease->id;
    self->lost_since = parts_.clock.steady_now();
    auto stored = co_await parts_.store.update_with_new_lease(self->job, *lease);
    if (!stored) {
        spdlog::error("can't store the start of experiment {}: {}", id.value, stored.error().to_string());
        parts_.leases.forget(lease->id);
        self->job.status = Status::queued;
        self->job.lease = {};
        co_return;
    }
    auto granted = co_await parts_.leases.grant(lease->id);
    if (!granted) co_return co_await back_to_queue(id, granted.error());
    auto written = write_job_folder(self->job);
    if (!written) co_return sandbox_failed(id, written.error());
    auto started = parts_.launcher.start(parts_.results.folder_of(id));
    if (!started) co_return sandbox_failed(id, started.error());
    self->lost_since = parts_.clock.steady_now();
    spdlog::info("experiment {} holds {}; runner {} is preparing its sandbox", id.value, self->job.device.to_string(), *started);
}

/// The node went away between the look and the grant: the job waits again, as if nothing had been.
Task<void> Engine::back_to_queue(JobId id, Error why) {
    spdlog::warn("experiment {} waits on: its node did not take the lease: {}", id.value, why.to_string());
    Entry* const self = entry(id);
    const LeaseId lease = self->job.lease;
    auto released = co_await parts_.leases.release(lease, "not granted: " + why.message);
    if (!released) spdlog::error("can't store the end of a lease: {}", released.error().to_string());
    if (!self->job.stop_reason.empty()) {
        Ending ending;
        ending.time = parts_.clock.utc_now();
        co_return begin_finish(id, std::move(ending));
    }
    self->job.status = Status::queued;
    self->job.lease = {};
    self->lost_since.reset();
    persist(self->job);
}

Result<void> Engine::write_job_folder(const Job& job) const {
    const auto folder = parts_.results.folder_of(job.id);
    LABHUB_CHECK(make_folder(folder));
    LABHUB_CHECK(write_file(folder / "script.py", job.script));
    runner::JobSpec spec;
    spec.job_id = job.id;
    spec.secret = job.secret;
    spec.socket = settings_.socket;
    spec.environment = job.environment;
    spec.limits.memory_bytes = static_cast<std::uint64_t>(job.limits.memory_bytes);
    spec.limits.cpus = job.limits.cpus;
    spec.limits.pids = static_cast<std::uint32_t>(job.limits.pids);
    spec.limits.time_limit_ms = job.limits.time.count();
    spec.limits.grace_ms = settings_.stop_grace.count();
    spec.limits.output_bytes = static_cast<std::uint64_t>(job.limits.output_bytes);
    spec.limits.log_bytes = static_cast<std::uint64_t>(job.limits.log_bytes);
    spec.limits.tmp_bytes = static_cast<std::uint64_t>(job.limits.tmp_bytes);
    spec.python_path = settings_.python;
    spec.runtime = settings_.runtime;
    spec.cache_folder = settings_.cache;
    return runner::write_job_spec(folder, spec);
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
        Error over{ErrorCode::conflict, "experiment '" + id.value + "' has ended already", "it is " + std::string(to_string(self->job.status))};
        co_return over;
    }
    if (!self->job.stop_reason.empty() || self->is_finishing) co_return Result<void>{};
    self->job.stop_reason = why;
    self->job.message = message;
    spdlog::info("experiment {} is being stopped: {}", id.value, message.empty() ? why : message);
    if (self->job.status == Status::queued) {
        Ending ending;
        ending.time = parts_.clock.utc_now();
        begin_finish(id, std::move(ending));
        co_return Result<void>{};
    }
    self->job.status = Status::stopping;
    auto stored = co_await parts_.store.update(self->job);
    if (!stored) spdlog::error("can't store the stop of experiment {}: {}", id.value, stored.error().to_string());
    // A runner that isn't connected now is told when it says Hello.
    if (auto told = socket_->stop_job(id, why, settings_.stop_grace); !told) spdlog::debug("{}", told.error().to_string());
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
    if (had_sandbox) {
        self->job.status = Status::stopping;
        persist(self->job);
    }
    // First the vessel, then the paper.
    if (!self->job.lease.empty()) {
        auto released = co_await parts_.leases.release(self->job.lease, "experiment ended");
        if (!released) spdlog::error("can't store the end of the lease of {}: {}", id.value, released.error().to_string());
    }
    parts_.api.close(id);
    if (self->job.started) co_await parts_.recorder.wait_for_readings(self->job.device, ending.time, kReadingsWait);
    Job concluded = self->job;
    conclude(concluded, ending);
    auto written = co_await parts_.results.write(concluded);
    if (!written) {
        spdlog::error("the results of experiment {} are incomplete: {}", id.value, written.error().to_string());
        concluded.message += (concluded.message.empty() ? "" : "; ") + ("the results are incomplete: " + written.error().to_string());
    }
    auto stored = co_await parts_.store.update(concluded);
    if (!stored) spdlog::error("can't store the end of experiment {}: {}", id.value, stored.error().to_string());
    self->job = std::move(concluded);
    self->job.script.clear();
    self->is_finishing = false;
    self->lost_since.reset();
    if (stored && socket_->is_connected(id)) (void)socket_->release(id);
    spdlog::info("experiment {} {}{}{}", id.value, to_string(self->job.status), self->job.message.empty() ? "" : ": ", self->job.message);
    co_await run_queue();
}

Task<void> Engine::watch_active() {
    const auto now = parts_.clock.steady_now();
    std::vector<JobId> unreachable, without_runner;
    for (const auto& [id, entry] : jobs_) {
        if (!is_active(entry.job.status) || entry.is_finishing) continue;
        const auto node = parts_.fleet.nodes().find(entry.job.device.node);
        const bool is_gone = node == parts_.fleet.nodes().end();
        const auto since = is_gone ? std::nullopt : node->second.unreachable_since;
        if (entry.job.stop_reason.empty() && (is_gone || (since && now - *since > settings_.node_lost_after))) unreachable.push_back(id);
        if (!entry.lost_since) continue;
        // A runner takes its lock before it reports for the first time; until then only time tells.
        const bool may_be_starting = !entry.has_reported && now - *entry.lost_since < settings_.runner_grace;
        if (!may_be_starting && !runner::is_runner_alive(parts_.results.folder_of(id))) without_runner.push_back(id);
    }
    for (const auto& id : unreachable) {
        std::string message = "node " + entry(id)->job.device.node.value + " was out of reach for " + format_duration(settings_.node_lost_after);
        (void)co_await stop(id, std::string(reason::kNodeLost), std::move(message));
    }
    for (const auto& id : without_runner) {
        Entry* const self = entry(id);
        if (!self || self->is_finishing || !is_active(self->job.status)) continue;
        self->is_finishing = true;
        tasks_.spawn("collect " + id.value, collect(id));
    }
}

/// The runner is dead, and with it the sandbox: the lease ends at once, then what is left is brought in.
Task<void> Engine::collect(JobId id) {
    Entry* const self = entry(id);
    spdlog::error("the runner of experiment {} is gone", id.value);
    auto released = co_await parts_.leases.release(self->job.lease, "runner lost");
    if (!released) spdlog::error("can't store the end of the lease of {}: {}", id.value, released.error().to_string());
    Ending ending;
    ending.time = parts_.clock.utc_now();
    ending.exit_code = -1;
    ending.reason = reason::kRunnerLost;
    ending.message = "the program that watched over the sandbox ended unexpectedly";
    auto state = co_await parts_.launcher.collect(parts_.results.folder_of(id));
    if (state && state->ended) ending = ending_of(*state->ended);
    if (!state) spdlog::error("the outputs of experiment {} can't be brought in: {}", id.value, state.error().to_string());
    if (state && state->started && !self->job.started) self->job.started = state->started->time;
    co_await finish(id, std::move(ending));
}

void Engine::lease_lost(const leases::Lease& lease, const Error& why) {
    for (auto& [id, entry] : jobs_) {
        if (entry.job.lease != lease.id || !is_active(entry.job.status)) continue;
        const bool expired = why.code == ErrorCode::timed_out;
        const std::string_view reason = expired ? reason::kLeaseLost : reason::kNodeLost;
        std::string message = expired ? "its lease has expired"
                                      : "the agent of node " + lease.device.node.value + " gave up the lease and made the device safe";
        auto end = [](Engine& engine, JobId job, std::string because, std::string text) -> Task<void> {
            (void)co_await engine.stop(std::move(job), std::move(because), std::move(text));
        };
        tasks_.spawn("lease lost", end(*this, id, std::string(reason), std::move(message)));
        return;
    }
    // No job holds it: what is left of one that ended while its end could not be stored.
    auto drop = [](leases::Leases& leases, LeaseId id) -> Task<void> { (void)co_await leases.release(std::move(id), "nobody holds it"); };
    tasks_.spawn("drop lease", drop(parts_.leases, lease.id));
}

Task<Result<std::size_t>> Engine::remove_ended(std::chrono::milliseconds max_age) {
    const UtcMillis before = parts_.clock.utc_now() - max_age;
    std::vector<JobId> old;
    for (const auto& [id, entry] : jobs_)
        if (is_final(entry.job.status) && entry.job.ended.value_or(entry.job.created) < before) old.push_back(id);
    std::size_t removed = 0;
    for (const auto& id : old) {
        auto erase = [&results = parts_.results, id] { return results.remove(id); };
        auto erased = co_await run_blocking(parts_.pool, std::move(erase));
        if (!erased) co_return std::move(erased).error();
        auto forgotten = co_await parts_.store.remove(id);
        if (!forgotten) co_return std::move(forgotten).error();
        jobs_.erase(id);
        ++removed;
    }
    co_return removed;
}

Task<bool> Engine::admit(runner::Hello hello) {
    const Entry* const self = entry(hello.job_id);
    co_return self && same_secret(self->job.secret, hello.secret);
}

void Engine::runner_hello(runner::Hello hello, UniqueFd listener) {
    Entry* const self = entry(hello.job_id);
    if (!self) return;
    self->has_reported = true;
    self->lost_since.reset();
    if (is_final(self->job.status)) {
        (void)socket_->release(hello.job_id);
        return;
    }
    if (listener) {
        if (auto opened = parts_.api.open(hello.job_id, std::move(listener)); !opened)
            spdlog::error("the API of experiment {} can't be served: {}", hello.job_id.value, opened.error().to_string());
    }
    if (!self->job.stop_reason.empty() && hello.phase != runner::Phase::ended)
        (void)socket_->stop_job(hello.job_id, self->job.stop_reason, settings_.stop_grace);
}

void Engine::runner_started(const JobId& id, const runner::Started& started) {
    Entry* const self = entry(id);
    if (!self || is_final(self->job.status) || self->job.started) return;
    self->job.started = started.time;
    self->job.runtime = started.runtime;
    if (self->job.status == Status::preparing) self->job.status = Status::running;
    persist(self->job);
    spdlog::info("experiment {} runs (by {}, output bounded by {})", id.value, started.runtime, started.disk_limit_by);
}

void Engine::runner_ended(const JobId& id, const runner::Ended& ended) { begin_finish(id, ending_of(ended)); }

void Engine::runner_lost(const JobId& id) {
    Entry* const self = entry(id);
    if (!self || is_final(self->job.status)) return;
    self->lost_since = parts_.clock.steady_now();
    tasks_.spawn("watch", watch_active());
}

}  // namespace labhub::coordinator::jobs
