#include "coordinator/daemon/coordinator.hpp"

#include <algorithm>
#include <set>

#include <spdlog/spdlog.h>

#include "coordinator/api/metrics.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/api/router.hpp"
#include "coordinator/broker/broker_watch.hpp"
#include "coordinator/daemon/alarm_wiring.hpp"
#include "coordinator/daemon/enrolment_watch.hpp"
#include "coordinator/daemon/groundwork.hpp"
#include "coordinator/daemon/reservation_wiring.hpp"
#include "coordinator/domain/jobs/results_retention.hpp"
#include "coordinator/dry_run/dry_runs.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "coordinator/loops/reconcilers.hpp"
#include "coordinator/mirror/mirror.hpp"
#include "shared/base/files.hpp"
#include "shared/http/server.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::daemon {
namespace {

namespace fs = std::filesystem;

/// A change of the list takes effect after two looks at most, and a moment.
constexpr std::chrono::seconds kEnrolmentPeriod{2};
constexpr std::chrono::seconds kImagesPeriod{30};
constexpr std::chrono::seconds kRetentionPeriod{30};
constexpr std::chrono::minutes kInputsPeriod{10};

mqtt::ConnectOptions broker_options(const Settings& settings) {
    mqtt::ConnectOptions broker;
    broker.host = settings.mqtt_host;
    broker.port = settings.mqtt_port;
    broker.username = settings.mqtt_username;
    broker.password = settings.mqtt_password;
    if (!settings.mqtt_tls_authority.empty())
        broker.tls = mqtt::TlsFiles{settings.mqtt_tls_authority, settings.mqtt_tls_certificate, settings.mqtt_tls_key};
    return broker;
}

mirror::MirrorOptions mirror_options(const Settings& settings) {
    mirror::MirrorOptions options;
    options.broker = broker_options(settings);
    options.group = settings.group;
    options.host_id = settings.host_id;
    options.messages_per_second = settings.mirror_messages_per_second;
    options.refresh = settings.mirror_refresh;
    return options;
}

ingest::Options ingest_options(const Settings& settings, const std::vector<link::Enrolment>& enrolments) {
    ingest::Options options;
    options.broker = broker_options(settings);
    options.group = settings.group;
    options.host_id = settings.host_id;
    options.host_keys = host_keys_of(enrolments);
    options.reorder_window = settings.reorder_window;
    return options;
}

/// The listeners inside sandboxes, each under the tag by which the router knows the job.
class SandboxListeners {
  public:
    explicit SandboxListeners(http::Server& server) : server_(server) {}
    Result<void> open(const JobId& job, UniqueFd listener) {
        if (!open_.insert(job).second) return {};  // the same socket again, after its runner reconnected
        auto adopted = server_.adopt(std::move(listener), "job:" + job.value);
        if (!adopted) open_.erase(job);
        return adopted;
    }
    void close(const JobId& job) {
        if (open_.erase(job) > 0) server_.close_listener("job:" + job.value);
    }

  private:
    http::Server& server_;
    std::set<JobId> open_;
};

Task<void> tidy_inputs(jobs::Inputs* inputs, jobs::Engine* engine, asio::thread_pool* pool) {
    auto tidy = [inputs, used = engine->inputs_in_use()] { return inputs->tidy(used); };
    const auto removed = co_await run_blocking(*pool, std::move(tidy));
    if (!removed) spdlog::warn("input files can't be removed: {}", removed.error().to_string());
}

}  // namespace

/// Every part of the program, in the order they are made; the order of the members is that of their ends, reversed.
struct Coordinator::Parts {
    Parts(asio::any_io_executor executor, const Settings& settings, Groundwork ground)
        : lock(std::move(ground.lock)),
          token(std::move(ground.token)),
          writer(std::move(ground.writer)),
          telemetry(std::move(ground.telemetry)),
          job_store(*writer),
          command_store(*writer),
          alarm_store(*writer),
          image_store(*writer),
          account_store(*writer),
          accounts(executor, account_store, clock, token),
          reservation_store(*writer),
          fleet(executor, clock),
          recorder(*telemetry, fleet, executor, clock),
          ingest(ingest_options(settings, ground.enrolments), clock, recorder),
          leases(fleet, job_store, clock, settings.lease_time_to_live),
          enrolment(settings.enrolment, {settings.ssh_user, settings.ssh_key_path()},
                    {fleet, leases, recorder, ingest, pool, clock}),
          commander(fleet, leases, command_store, clock,
                    [this](std::string_view outcome, double seconds) { metrics.observe_command(outcome, seconds); }),
          mirror(executor, mirror_options(settings), fleet, commander, clock),
          broker_watch(executor, broker_options(settings)),
          results(settings.data_dir / "experiments", fleet, *telemetry, command_store, alarm_store, pool),
          live(executor, clock, settings.telemetry.live_memory),
          exporter(*telemetry),
          launcher(std::move(ground.launcher.launcher)),
          images(executor, std::move(ground.images), {image_store, clock, pool}),
          inputs(std::move(ground.inputs)),
          server(executor, http::ServerLimits{},
                 [this](http::Request request) { return router.handle(std::move(request)); }),
          sandboxes(server),
          jobs(executor, std::move(ground.engine),
               {fleet,
                leases,
                commander,
                job_store,
                recorder,
                results,
                *launcher,
                images,
                inputs,
                accounts,
                clock,
                pool,
                {[this](const JobId& job, UniqueFd listener) { return sandboxes.open(job, std::move(listener)); },
                 [this](const JobId& job) { sandboxes.close(job); }},
                dry_run_doors()}),
          retention(jobs, results, settings.results, clock, pool),
          alarms(executor, std::move(ground.alarms.rules), ground.alarms.channels, std::move(ground.alarms.courier),
                 {alarm_store, fleet, leases, commander, jobs, clock}),
          dry_runs(executor,
                   {std::move(ground.twin), settings.data_dir / "run" / "dry-runs", settings.data_dir / "experiments"},
                   {fleet, alarms.alarms(), clock,
                    [this](const JobId& job, std::string reason, std::string message) {
                        stop_dry_run(job, std::move(reason), std::move(message));
                    }}),
          reservations(executor, std::move(ground.reservations), std::move(ground.alarms.channels),
                       {reservation_store, command_store, fleet, leases, commander, jobs, alarms.courier(), clock}),
          services{accounts,
                   fleet,
                   leases,
                   commander,
                   jobs,
                   reservations.calendar(),
                   results,
                   retention,
                   images,
                   inputs,
                   recorder,
                   metrics,
                   broker_watch,
                   alarms.alarms(),
                   alarms.notifier(),
                   *telemetry,
                   live,
                   exporter,
                   clock,
                   pool},
          router(services, api::all_operations()),
          reconcilers(executor, clock),
          stops(executor) {}

    UniqueFd lock;
    std::string token;
    SystemClock clock;
    asio::thread_pool pool{2};
    api::Metrics metrics;
    std::unique_ptr<sqlite::Writer> writer;
    std::unique_ptr<store::TelemetryStore> telemetry;
    store::JobStore job_store;
    store::CommandStore command_store;
    store::AlarmStore alarm_store;
    store::ImageStore image_store;
    store::AccountStore account_store;
    accounts::Accounts accounts;
    store::ReservationStore reservation_store;
    fleet::Fleet fleet;
    telemetry::Recorder recorder;
    ingest::Ingest ingest;
    leases::Leases leases;
    EnrolmentWatch enrolment;
    commands::Commander commander;
    mirror::Mirror mirror;
    broker::BrokerWatch broker_watch;
    jobs::Results results;
    telemetry::LiveFeed live;
    telemetry::Exporter exporter;
    std::unique_ptr<runner::Launcher> launcher;
    images::Images images;
    jobs::Inputs inputs;
    http::Server server;
    SandboxListeners sandboxes;
    jobs::Engine jobs;
    jobs::Retention retention;
    AlarmWiring alarms;
    dry_run::DryRuns dry_runs;
    ReservationWiring reservations;
    api::Services services;
    api::Router router;
    loops::Reconcilers reconcilers;
    TaskGroup stops;

    void connect();
    std::size_t belongings_of(const std::string& principal);
    jobs::DryRunDoors dry_run_doors();
    void stop_dry_run(const JobId& job, std::string reason, std::string message);
    void keep_sandboxes_ready(const Settings& settings);
    Result<void> start_readings(const Settings& settings, std::vector<link::Enrolment> enrolments);
    void start_reconcilers(const Settings& settings);
};

/// What one part has to tell another.
void Coordinator::Parts::connect() {
    fleet.on_connected = [this](const NodeId&) { reconcilers.nudge("lease renewal"); };
    leases.on_lost = [this](const leases::Lease& lease, const Error& why) { jobs.lease_lost(lease, why); };
    recorder.ask_ingest([this] { return ingest.counters(); });
    recorder.listen(live.listener());
    accounts.experiments_of = [this](const std::string& principal) { return belongings_of(principal); };
    accounts.on_changed = [this] { reconcilers.nudge("queue"); };
    images.users = [this](const std::string& digest) { return jobs.users_of_image(digest); };
    server.stream_bodies(
        [this](std::string_view method, std::string_view path) { return router.streams_body(method, path); });
    commander.on_refused = [this](const JobId& job, const std::string& why) {
        jobs.remark(job, jobs::event::kRefused, why);
    };
    images.on_default_changed = [this] { launcher->keep_like(jobs.usual_spec()); };
}

/// What would be the next user's of that name.
std::size_t Coordinator::Parts::belongings_of(const std::string& principal) {
    const auto& rules = alarms.alarms().rules();
    const auto& kept = reservations.calendar().kept();
    return jobs.count_of(principal) +
           static_cast<std::size_t>(
               std::count_if(rules.begin(), rules.end(), [&](const auto* rule) { return rule->set_by == principal; }) +
               std::count_if(kept.begin(), kept.end(), [&](const auto& e) { return e.second.owner == principal; }));
}

jobs::DryRunDoors Coordinator::Parts::dry_run_doors() {
    jobs::DryRunDoors doors;
    doors.check = [this](const DeviceAddress& device) { return dry_runs.check(device); };
    doors.open = [this](const jobs::Job& job, UniqueFd listener) { return dry_runs.open(job, std::move(listener)); };
    doors.is_open = [this](const JobId& job) { return dry_runs.is_open(job); };
    doors.progress = [this](const JobId& job) { return dry_runs.progress(job); };
    doors.finish = [this](JobId job, jobs::Ending ending) {
        return dry_runs.finish(std::move(job), std::move(ending));
    };
    return doors;
}

void Coordinator::Parts::stop_dry_run(const JobId& job, std::string reason, std::string message) {
    auto stop = [](jobs::Engine* engine, JobId id, std::string why, std::string text) -> Task<void> {
        (void)co_await engine->stop(std::move(id), std::move(why), std::move(text));
    };
    stops.spawn("stop of a dry run", stop(&jobs, job, std::move(reason), std::move(message)));
}

void Coordinator::Parts::keep_sandboxes_ready(const Settings& settings) {
    // Beside the jobs' folders, of which one becomes a part: no job's id begins with a dot.
    runner::ReadySandboxes ready{jobs.usual_spec(), settings.data_dir / "experiments" / ".ready",
                                 static_cast<std::size_t>(settings.ready_sandboxes)};
    if (const auto kept = launcher->keep_ready(std::move(ready)); !kept)
        spdlog::info("no sandbox is kept ready: {}", kept.error().to_string());
}

/// The nodes, by SSH and through the broker.
Result<void> Coordinator::Parts::start_readings(const Settings& settings, std::vector<link::Enrolment> enrolments) {
    enrolment.begin(std::move(enrolments));
    recorder.start([this](NodeId node, std::int64_t position) { ingest.acknowledge(node, position); },
                   [this](NodeId node) { ingest.request_rebirth(node); });
    LABHUB_CHECK(ingest.start());
    broker_watch.start();
    if (settings.mirror) mirror.start();
    return {};
}

void Coordinator::Parts::start_reconcilers(const Settings& settings) {
    reconcilers.add("queue", std::chrono::seconds{1}, [this] { return jobs.run_queue(); });
    reconcilers.add("active jobs", std::chrono::seconds{1}, [this] { return jobs.watch_active(); });
    reconcilers.add("lease renewal", settings.lease_time_to_live / 3, [this] { return leases.renew_all(); });
    reconcilers.add("images", kImagesPeriod, [this] { return images.reconcile(); });
    reconcilers.add("input files", kInputsPeriod, [this] { return tidy_inputs(&inputs, &jobs, &pool); });
    reconcilers.add("results", kRetentionPeriod, [this] { return retention.reconcile(); });
    reconcilers.add("enrolment", kEnrolmentPeriod, [this] { return enrolment.look(); });
    reconcilers.start();
}

Coordinator::Coordinator(asio::io_context& context, Settings settings, fs::path program)
    : context_(context), settings_(std::move(settings)), program_(std::move(program)) {}
Coordinator::~Coordinator() = default;

Task<Result<void>> Coordinator::start() {
    // Everything that can be wrong with the host is found before the first thread starts.
    settings_.data_dir = fs::absolute(settings_.data_dir);
    auto ground = lay_groundwork(settings_, program_, context_.get_executor());
    if (!ground) co_return std::move(ground).error();
    const auto listen = ground->listen;
    std::vector<link::Enrolment> enrolments = ground->enrolments;
    parts_ = std::make_unique<Parts>(context_.get_executor(), settings_, std::move(*ground));
    Parts& parts = *parts_;
    parts.connect();
    auto accounts_started = co_await parts.accounts.start();
    if (!accounts_started) co_return accounts_started;
    auto images_started = co_await parts.images.start();
    if (!images_started) co_return images_started;
    auto jobs_started = co_await parts.jobs.start();
    if (!jobs_started) co_return jobs_started;
    auto alarms_started = co_await parts.alarms.start(parts.reconcilers);
    if (!alarms_started) co_return alarms_started;
    auto reservations_started = co_await parts.reservations.start(parts.reconcilers);
    if (!reservations_started) co_return reservations_started;
    if (settings_.ready_sandboxes > 0) parts.keep_sandboxes_ready(settings_);
    // Before any node is talked to; requests are heard only after this function, which waits no more.
    auto port = parts.server.listen(listen.first, listen.second, "public");
    if (!port) co_return port.error().within("http.listen");
    if (auto started = parts.start_readings(settings_, std::move(enrolments)); !started) co_return started;
    parts.start_reconcilers(settings_);
    spdlog::info("labhub-coordinator {} serves http://{}:{}, token in {}", LABHUB_VERSION, listen.first, *port,
                 (settings_.data_dir / "admin-token").string());
    auto noted = write_file(settings_.data_dir / "run" / "http-port", std::to_string(*port) + "\n");
    co_return noted;
}

void Coordinator::reload() {
    if (!parts_) return;
    parts_->enrolment.reload();
    parts_->reconcilers.nudge("enrolment");
}

Task<void> Coordinator::stop() {
    if (!parts_) co_return;
    co_await parts_->server.stop();
    co_await parts_->reconcilers.stop();
    co_await parts_->reservations.stop();
    co_await parts_->alarms.stop();
    co_await parts_->jobs.close();
    co_await parts_->dry_runs.stop();
    co_await parts_->stops.stop();
    co_await parts_->images.stop();
    co_await parts_->launcher->close();
    co_await parts_->mirror.stop();
    co_await parts_->broker_watch.stop();
    co_await parts_->fleet.stop();
    parts_->ingest.stop();
    parts_->recorder.stop();
    parts_->writer->stop();
    parts_->pool.join();
}

}  // namespace labhub::coordinator::daemon
