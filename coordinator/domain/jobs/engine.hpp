#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/accounts/accounts.hpp"
#include "coordinator/domain/commands/commander.hpp"
#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/images/images.hpp"
#include "coordinator/domain/jobs/device_choice.hpp"
#include "coordinator/domain/jobs/dry_run.hpp"
#include "coordinator/domain/jobs/followers.hpp"
#include "coordinator/domain/jobs/inputs.hpp"
#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/domain/jobs/quota.hpp"
#include "coordinator/domain/jobs/results.hpp"
#include "coordinator/domain/jobs/retention.hpp"
#include "coordinator/domain/jobs/schedule.hpp"
#include "coordinator/domain/jobs/script_check.hpp"
#include "coordinator/domain/jobs/submission.hpp"
#include "coordinator/domain/jobs/usage.hpp"
#include "coordinator/domain/leases/leases.hpp"
#include "coordinator/domain/telemetry/recorder.hpp"
#include "coordinator/runner/job_socket.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "coordinator/runner/launcher.hpp"
#include "coordinator/store/job_store.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::jobs {

struct EngineSettings {
    std::filesystem::path socket;  ///< where runners report
    std::filesystem::path python;  ///< our Python packages on this host
    std::filesystem::path cache;   ///< what runners found out about this host
    std::string runtime = "auto";
    std::string launcher;  ///< who starts runners, and why, for people
    std::size_t max_running = 4;
    double cpus = 0;          ///< of all that run together; 0: no bound
    std::int64_t memory = 0;  ///< bytes, likewise
    double host_cpus = 0;     ///< what this machine has; 0: nobody knows
    std::int64_t host_memory = 0;
    std::size_t max_queued = 10'000;
    std::chrono::milliseconds node_lost_after{15'000};            ///< a job's node may be out of reach for so long
    std::chrono::milliseconds runner_grace{30'000};               ///< a runner that was started must report within this
    std::chrono::milliseconds stop_grace{5'000};                  ///< from SIGTERM to SIGKILL
    std::chrono::milliseconds max_pause{std::chrono::hours{24}};  ///< a longer pause ends its job
    RetentionRules retention;
    std::chrono::milliseconds usage_half_life{std::chrono::hours{24 * 7}};  ///< of what counts for the fair share
};

/// What was made of a job that runs.
struct PartialResult {
    UtcMillis time;                  ///< of the copy of its outputs
    std::vector<std::string> notes;  ///< what was left out of them, and why
};

/// The API inside a sandbox, as the engine needs it.
struct SandboxApi {
    std::function<Result<void>(const JobId&, UniqueFd listener)> open;
    std::function<void(const JobId&)> close;
};

/// The one job engine: queue → lease → sandbox → results → release. Every transition is stored before it is acted upon;
/// after a restart each job goes on where it was, as its runner has lived on. Lives on the main thread.
///
/// What each event does:
///   submit           → queued
///   run_queue        queued → preparing       device free and reachable: lease taken and granted, runner started
///   runner: started  preparing → running
///   stop, node lost  → stopping               the runner is told, or the job ends at once when there is none
///   pause, resume    running stays            the runner freezes or thaws; the vessel may be made safe
///   runner: ended    → stopping → completed | failed | stopped | timed_out   lease released, results written
///   runner lost      → as ended, with what `collect` finds
class Engine {
  public:
    struct Parts {
        fleet::Fleet& fleet;
        leases::Leases& leases;
        commands::Commander& commander;
        store::JobStore& store;
        telemetry::Recorder& recorder;
        Results& results;
        runner::Launcher& launcher;
        images::Images& images;
        Inputs& inputs;
        const accounts::Accounts& accounts;
        const Clock& clock;
        asio::thread_pool& pool;
        SandboxApi api;
        DryRunDoors dry_runs;
    };

    Engine(asio::any_io_executor executor, EngineSettings settings, Parts parts);

    /// Loads what is stored, opens the job socket and waits for the runners that live. Once, before anything else.
    Task<Result<void>> start();
    /// Ends the engine's own tasks; runners and their jobs live on.
    Task<void> close();

    /// Errors: malformed (also a syntax error, or an import the image hasn't, with line), too_large, out_of_range (also
    /// what can never be given), not_found (device, image), forbidden and corrupt (image), conflict (the id exists; or
    /// the device is leased and queue is false), too_many.
    Task<Result<Job>> submit(Submission submission);
    /// Error not_found, conflict (has ended already).
    Task<Result<void>> stop(JobId id, std::string reason, std::string message);
    struct PauseRequest {
        Actuators actuators = Actuators::hold;
        std::string who;
        std::string reason;
    };
    /// Freezes a running job's script; its time limit stands still. Returns when it is so, and asking again is fine.
    /// Errors not_found, malformed, conflict (it isn't running, or was resumed or stopped meanwhile), unsupported (its
    /// runner or this host can't), unavailable (the freezing failed), timed_out (its runner or node is out of reach; it
    /// is paused as soon as they are back), too_many.
    Task<Result<void>> pause_job(JobId id, PauseRequest request);
    /// Lets it go on. What its pause made safe stays so until the script changes it. Errors likewise.
    Task<Result<void>> resume_job(JobId id, std::string who);
    /// Whether a job may change actuators now: not while it is paused with its vessel safe. What a script had asked for
    /// before it was frozen may still arrive then. Errors unavailable; conflict once it is being stopped.
    Result<void> check_commands(const JobId& id) const;
    Result<const Job*> find(const JobId& id) const;
    /// Newest first.
    std::vector<const Job*> list() const;
    /// What "user:ada" has of the hub now.
    Holdings holdings_of(const std::string& user) const;
    /// How many there are of that user.
    std::size_t count_of(const std::string& principal) const;

    /// Where a queued job stands, and when it starts at the latest, as far as can be told.
    struct Turn {
        Place place;
        std::optional<UtcMillis> expected_start;
    };
    /// Nothing when the job isn't queued. At most a second old.
    std::optional<Turn> turn_of(const Job& job);
    /// Keeps a queued job from starting until it is released, or lets it start again. Errors not_found, conflict (it
    /// isn't queued any more).
    Task<Result<void>> set_held(JobId id, bool is_held, std::string who);
    /// Starts nothing from now on; what runs goes on. Over restarts too.
    Task<Result<void>> pause_queue(std::string why, std::string who);
    Task<Result<void>> resume_queue();
    const std::optional<QueuePause>& queue_pause() const { return pause_; }
    /// Nothing where no dry run of that id goes on.
    std::optional<DryRunProgress> dry_run_progress(const JobId& id) const {
        return parts_.dry_runs.progress ? parts_.dry_runs.progress(id) : std::nullopt;
    }
    /// Takes a job that another engine runs, to be looked up only: for the hub of its dry run.
    void know(Job job);
    std::size_t running_count() const { return active_count(); }
    std::size_t running_bound() const { return settings_.max_running; }
    const std::string& launcher() const { return settings_.launcher; }

    /// Adds a note to what is recorded of a job. Errors not_found, malformed, too_many (10,000).
    Task<Result<void>> add_note(JobId id, std::string text, std::string who);
    /// What happened to a job that is no transition of it: an event of that kind, unless it has a thousand already.
    void remark(const JobId& id, std::string_view kind, std::string message);
    /// What happened to a job, oldest first, above number `after`. Error not_found.
    Task<Result<std::vector<Event>>> events(JobId id, std::int64_t after, std::int64_t limit);
    /// Those who wait for a job's events.
    Followers& followers() { return followers_; }
    /// Changes tags and note, at any time; returns what they are now. Errors not_found, malformed, too_large.
    Task<Result<Labels>> set_labels(JobId id, LabelChange change, std::string who);

    /// Makes Results::write_partial's files of now, or of up to ten seconds ago. Errors not_found, conflict (the script
    /// does not run), unavailable, timed_out.
    Task<Result<PartialResult>> partial_result(JobId id);

    /// What asks for an ended job again, with its script and its input files. Errors not_found, conflict (it has not
    /// ended).
    Task<Result<Submission>> resubmission(JobId id);
    /// Of an ended job too. Error not_found.
    Task<Result<std::string>> script_of(JobId id);
    /// The sums of the input files that waiting jobs need.
    std::set<std::string> inputs_in_use() const;

    /// What a sandbox for a job with the default limits is made after, before there is such a job.
    runner::JobSpec usual_spec() const;
    /// The jobs that have not ended and have that build of an image.
    std::vector<std::string> users_of_image(const std::string& digest) const;
    /// Says whether a job's results are to be kept; before its end too. Errors not_found (also: they were removed).
    Task<Result<void>> set_keep(JobId id, Keep keep, std::string who);
    /// Deletes the files of an ended job; what happened to it stays. Errors not_found (also: they were removed
    /// already), conflict (it hasn't ended; they are pinned, or being removed).
    Task<Result<void>> remove_results(JobId id, std::string because, std::string who);
    /// Error not_found: no such job, or its results were removed; says when and why.
    Result<void> check_results(const JobId& id) const;
    /// The zip of its results was sent to its end.
    void note_downloaded(const JobId& id);
    /// Deletes an ended job with its results and all that is known of it. Errors not_found, conflict (it hasn't ended;
    /// its results are pinned, or being removed).
    Task<Result<void>> forget(JobId id, std::string who);
    /// Deletes ended jobs older than that, with their results and all that is known of them, but for pinned results and
    /// those somebody is still to fetch. Returns how many.
    Task<Result<std::size_t>> remove_ended(std::chrono::milliseconds max_age);

    /// Starts what can be started. Idempotent; a reconciler runs it, and every change that may let a job start.
    Task<void> run_queue();
    /// Looks after active jobs whose runner or node is away. Idempotent; a reconciler runs it.
    Task<void> watch_active();
    /// What others have reserved of these devices, and what the jobs' users have. Unset: nothing is reserved.
    std::function<std::vector<Reserved>(const std::set<DeviceAddress>&)> reserved;
    /// The job that holds the device, or that is about to; nullptr: none does.
    const Job* job_on(const DeviceAddress& device) const;
    /// When an active job has ended at the latest: by its time limit, and every pause reckoned in full.
    UtcMillis ends_by(const Job& job) const;
    /// Whether that user has a job on the device, has had one on it since then, or has one in the queue that would do
    /// with it and may start before `until`.
    bool has_use_for(const DeviceAddress& device, const std::string& user, UtcMillis since, UtcMillis until);
    /// A lease was lost on its node: its job ends.
    void lease_lost(const leases::Lease& lease, const Error& why);

  private:
    /// How far a pause has come, as far as this process knows.
    struct Pausing {
        std::optional<runner::PauseState> runner;  ///< as it last said; unset: it isn't connected, or can't pause
        std::string failure;                       ///< why the last attempt failed
        bool is_making_safe = false, is_safe = false;
    };
    struct Entry {
        Job job;
        Pausing pausing;
        bool is_starting = false;  ///< between its lease and its runner
        bool is_finishing = false;
        bool is_removing = false;                      ///< its results are being deleted
        bool has_reported = false;                     ///< its runner has said Hello to this process
        std::map<std::string, std::int64_t> recorded;  ///< events by kind, where they are counted
        std::optional<Steady::time_point> lost_since;  ///< its runner isn't connected
    };

    struct Arriving {
        Needs needs;
        std::string user;
    };

    Entry* entry(const JobId& id);
    std::size_t active_count() const;
    Result<void> check_devices(Submission& submission);
    Result<void> choose_for_twin(Submission& submission);
    Result<void> check_acceptable(const Job& job, bool may_queue);
    Result<void> check_idle(const Job& job);
    Result<void> check_idle(const DeviceAddress& device, const Job& job);
    std::optional<Reserved> reserved_before(const Job& job, const DeviceAddress& device) const;
    Result<void> check_can_be_met(const Limits& limits) const;
    Result<void> check_user(const Job& job, bool may_queue) const;
    void count(const Job& job, UtcMillis now, Holdings& has) const;
    void count_past(const std::string& user, UtcMillis now, Holdings& has) const;
    std::map<std::string, Share> shares(UtcMillis now) const;
    Task<Result<void>> load_usage();
    Task<std::optional<std::int64_t>> result_size(JobId id);
    Task<void> count_results();
    void resume(const JobId& id);
    void drop_orphans(const std::vector<leases::Lease>& open);
    void drop_lease(LeaseId id);
    Task<void> prepare_script_check(images::ChosenImage image, std::chrono::milliseconds later);
    std::shared_ptr<ScriptCheck> script_check(const images::ChosenImage& image);
    Task<Result<void>> check_script(images::ChosenImage image, std::string script);
    Task<Result<std::vector<InputFile>>> find_inputs(Job job);
    Task<Result<void>> place_inputs(Job job);
    Task<Result<void>> record(JobId id, Event event, std::int64_t most);
    Task<Result<std::vector<Event>>> all_events(JobId id);
    Task<Result<void>> write_results(Job job, Event end);
    Event happened(std::string_view kind, std::string message = {}, std::string who = {}) const;
    Waiting waiting_of(const Job& job);
    Situation situation();
    Unavailable unavailable(const DeviceAddress& device) const;
    const Turn* look_up(const JobId& id);
    Task<void> start_job(JobId id, DeviceAddress device);
    Task<void> launch(JobId id, leases::Lease lease);
    Task<void> start_dry_run(JobId id);
    Task<void> start_runner(JobId id);
    Result<void> open_api(const Entry& entry, UniqueFd listener);
    bool is_interrupted_dry_run(const Entry& entry, runner::Phase phase) const;
    Task<void> finish_dry_run(JobId id, Ending* ending, std::string* message);
    Task<void> back_to_queue(JobId id, Error why);
    std::chrono::milliseconds longest_pauses(const Job& job) const;
    std::chrono::milliseconds lease_time(const Job& job) const;
    Result<void> check_pausable(const Entry& self) const;
    Result<void> begin_pause(Entry& self, PauseRequest request);
    Task<Result<void>> end_pause(JobId id, std::string why, std::string who);
    Task<Result<void>> await_settled(JobId id, bool is_paused);
    Task<void> pause_news(Steady::duration limit);
    void settle_pauses();
    Task<void> settle_pause(JobId id);
    void settle_runner(const JobId& id);
    Task<void> settle_vessel(JobId id);
    Result<void> write_job_folder(const Job& job) const;
    runner::JobSpec spec_of(const Job& job) const;
    bool is_node_lost(const Job& job) const;
    std::string why_node_lost(const Job& job) const;
    void end_unstarted(const JobId& id);
    void sandbox_failed(const JobId& id, const Error& why);
    void begin_finish(const JobId& id, Ending ending);
    Task<void> finish(JobId id, Ending ending);
    Task<void> collect(JobId id);
    void clear_away_sandbox(const JobId& id);
    Result<void> check_changeable(const Entry& self) const;
    Result<void> check_removable(const Entry& self) const;
    Task<Result<void>> remove_record(JobId id);

    struct Partial;
    Task<void> make_partial(JobId id, std::shared_ptr<Partial> partial);
    Task<Result<PartialResult>> copy_and_pack(JobId id, std::shared_ptr<Partial> partial);
    void runner_copied(const JobId& id, runner::SnapshotTaken taken);

    static Ending ending_of(const runner::Ended& ended);
    Task<bool> admit(runner::Hello hello);
    void runner_hello(runner::Hello hello, UniqueFd listener);
    void runner_started(const JobId& id, const runner::Started& started);
    void runner_ended(const JobId& id, const runner::Ended& ended);
    void runner_pause_state(const JobId& id, const runner::PauseState& state);
    void runner_lost(const JobId& id);

    asio::any_io_executor executor_;
    EngineSettings settings_;
    Parts parts_;
    std::map<JobId, Entry> jobs_;
    std::map<JobId, Arriving> arriving_;  ///< accepted, but not stored yet
    DeviceChoices choices_;
    std::map<std::string, std::shared_ptr<ScriptCheck>> script_checks_;  ///< by the image's digest
    Followers followers_;
    std::map<JobId, std::shared_ptr<Partial>> partials_;
    std::unique_ptr<runner::JobSocket> socket_;
    bool is_queue_running_ = false;
    bool is_queue_wanted_ = false;
    std::optional<QueuePause> pause_;
    Usage usage_;
    asio::steady_timer pause_news_;               ///< never expires; cancelled when a pause has come further
    std::map<JobId, Turn> turns_;                 ///< as of turns_at_
    std::optional<Steady::time_point> turns_at_;  ///< unset: something has changed since
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::jobs
