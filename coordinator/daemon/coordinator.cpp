#include "coordinator/daemon/coordinator.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <set>

#include <spdlog/spdlog.h>

#include "coordinator/api/metrics.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/api/router.hpp"
#include "coordinator/broker/broker_watch.hpp"
#include "coordinator/daemon/alarm_wiring.hpp"
#include "coordinator/ingest/ingest.hpp"
#include "coordinator/link/enrolment.hpp"
#include "coordinator/loops/reconcilers.hpp"
#include "coordinator/mirror/mirror.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/files.hpp"
#include "shared/base/random.hpp"
#include "shared/http/server.hpp"
#include "shared/ssh/keys.hpp"

namespace labhub::coordinator::daemon {
namespace {

namespace fs = std::filesystem;

/// Held for as long as this process lives: two coordinators on one folder would start every job twice.
Result<UniqueFd> lock_folder(const fs::path& folder) {
    UniqueFd lock{::open((folder / "coordinator.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!lock) return system_error("open " + (folder / "coordinator.lock").string(), errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{ErrorCode::conflict, "another coordinator is at work on " + folder.string(),
                     "stop it first, or choose another data.dir"};
    return lock;
}

Result<std::string> load_or_create_token(const fs::path& path) {
    auto stored = read_file(path, 4096);
    if (stored) {
        while (!stored->empty() && (stored->back() == '\n' || stored->back() == ' ')) stored->pop_back();
        if (stored->size() >= 16) return stored;
        return Error{ErrorCode::corrupt, path.string() + " holds no token",
                     "delete it, and a new one is made at the next start"};
    }
    if (stored.error().code != ErrorCode::not_found) return stored;
    std::string token = random_hex(32);
    LABHUB_CHECK(write_file(path, token + "\n", 0600));
    spdlog::info("made the admin token: {}", path.string());
    return token;
}

Result<std::unique_ptr<sqlite::Writer>> open_database(const fs::path& path) {
    sqlite::OpenOptions options;
    options.synchronous = sqlite::Synchronous::full;
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    LABHUB_CHECK(sqlite::migrate(database, store::main_migrations::migrations()));
    return sqlite::Writer::start(std::move(database));
}

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

/// By which a node's births are told from somebody else's.
std::map<NodeId, std::string> host_keys_of(const std::vector<link::Enrolment>& enrolments) {
    std::map<NodeId, std::string> keys;
    for (const auto& each : enrolments) keys[each.node] = each.host_key_fingerprint;
    return keys;
}

Result<std::unique_ptr<store::TelemetryStore>> open_telemetry(const Settings& settings) {
    LABHUB_TRY(auto options, telemetry_options(settings.telemetry, settings.data_dir));
    return store::TelemetryStore::open(settings.data_dir / "telemetry", std::move(options));
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

/// What the configuration says of alarms, and what carries their notifications.
struct AlarmParts {
    alarms::Alarms::Settings rules;
    notify::NotifierSettings channels;
    std::unique_ptr<notify::Courier> courier;
};

Result<AlarmParts> alarm_parts(const AlarmSettings& settings) {
    AlarmParts parts;
    LABHUB_TRY(parts.rules, alarm_rules_of(settings));
    LABHUB_TRY(parts.channels, channels_of(settings));
    LABHUB_TRY(parts.courier, notify::Courier::start());
    return parts;
}

}  // namespace

/// Every part of the program, in the order they are made; the order of the members is that of their ends, reversed.
struct Coordinator::Parts {
    Parts(asio::any_io_executor executor, const Settings& settings, UniqueFd folder_lock, std::string token_in,
          std::unique_ptr<sqlite::Writer> writer_in, std::unique_ptr<store::TelemetryStore> telemetry_in,
          const fs::path& runner, jobs::EngineSettings engine_settings, const std::vector<link::Enrolment>& enrolments,
          AlarmParts alarm_parts)
        : lock(std::move(folder_lock)),
          token(std::move(token_in)),
          writer(std::move(writer_in)),
          telemetry(std::move(telemetry_in)),
          job_store(*writer),
          command_store(*writer),
          alarm_store(*writer),
          fleet(executor, clock),
          recorder(*telemetry, fleet, executor, clock),
          ingest(ingest_options(settings, enrolments), clock, recorder),
          leases(fleet, job_store, clock, settings.lease_time_to_live),
          commander(fleet, leases, command_store, clock,
                    [this](std::string_view outcome, double seconds) { metrics.observe_command(outcome, seconds); }),
          mirror(executor, mirror_options(settings), fleet, commander, clock),
          broker_watch(executor, broker_options(settings)),
          results(settings.data_dir / "experiments", fleet, *telemetry, command_store, alarm_store, pool),
          live(executor, clock, settings.telemetry.live_memory),
          exporter(*telemetry, pool),
          launcher(executor, runner),
          server(executor, http::ServerLimits{},
                 [this](http::Request request) { return router.handle(std::move(request)); }),
          sandboxes(server),
          jobs(executor, std::move(engine_settings),
               {fleet,
                leases,
                job_store,
                recorder,
                results,
                launcher,
                clock,
                pool,
                {[this](const JobId& job, UniqueFd listener) { return sandboxes.open(job, std::move(listener)); },
                 [this](const JobId& job) { sandboxes.close(job); }}}),
          alarms(executor, std::move(alarm_parts.rules), std::move(alarm_parts.channels),
                 std::move(alarm_parts.courier), {alarm_store, fleet, leases, commander, jobs, clock}),
          services{fleet,        leases,          commander,         jobs,       results, recorder, metrics,
                   broker_watch, alarms.alarms(), alarms.notifier(), *telemetry, live,    exporter, clock,
                   pool},
          router(services, api::all_operations(), token),
          reconcilers(executor, clock) {}

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
    fleet::Fleet fleet;
    telemetry::Recorder recorder;
    ingest::Ingest ingest;
    leases::Leases leases;
    commands::Commander commander;
    mirror::Mirror mirror;
    broker::BrokerWatch broker_watch;
    jobs::Results results;
    telemetry::LiveFeed live;
    telemetry::Exporter exporter;
    runner::SpawnLauncher launcher;
    http::Server server;
    SandboxListeners sandboxes;
    jobs::Engine jobs;
    AlarmWiring alarms;
    api::Services services;
    api::Router router;
    loops::Reconcilers reconcilers;
};

Coordinator::Coordinator(asio::io_context& context, Settings settings, fs::path program)
    : context_(context), settings_(std::move(settings)), program_(std::move(program)) {}
Coordinator::~Coordinator() = default;

namespace {

Result<jobs::EngineSettings> engine_settings(const Settings& settings, const fs::path& program) {
    jobs::EngineSettings engine;
    const fs::path data = fs::absolute(settings.data_dir);
    engine.socket = data / "run" / "jobs.sock";
    engine.cache = data / "run";
    LABHUB_TRY(engine.python, find_python(settings, program));
    engine.runtime = settings.runtime;
    engine.max_running = static_cast<std::size_t>(settings.max_running);
    engine.node_lost_after = settings.node_lost_after;
    return engine;
}

}  // namespace

Task<Result<void>> Coordinator::start() {
    // Everything that can be wrong with the host is found before the first thread starts.
    settings_.data_dir = fs::absolute(settings_.data_dir);
    for (const auto& folder : {settings_.data_dir, settings_.data_dir / "run", settings_.data_dir / "experiments"})
        if (auto made = make_folder(folder, 0700); !made) co_return made;
    auto lock = lock_folder(settings_.data_dir);
    if (!lock) co_return std::move(lock).error();
    auto listen = parse_listen(settings_.http_listen);
    if (!listen) co_return std::move(listen).error();
    auto enrolments = link::read_enrolments(settings_.enrolment);
    if (!enrolments) co_return std::move(enrolments).error();
    auto key = ssh::load_or_create_key(settings_.ssh_key_path());
    if (!key) co_return std::move(key).error();
    auto engine = engine_settings(settings_, program_);
    if (!engine) co_return std::move(engine).error();
    auto runner = find_runner(settings_, program_);
    if (!runner) co_return std::move(runner).error();
    auto alarms = alarm_parts(settings_.alarms);
    if (!alarms) co_return std::move(alarms).error();
    auto token = load_or_create_token(settings_.data_dir / "admin-token");
    if (!token) co_return std::move(token).error();
    auto writer = open_database(settings_.data_dir / "labhub.db");
    if (!writer) co_return writer.error().within("labhub.db");
    auto telemetry = open_telemetry(settings_);
    if (!telemetry) co_return telemetry.error().within("telemetry");

    parts_ = std::make_unique<Parts>(context_.get_executor(), settings_, std::move(*lock), std::move(*token),
                                     std::move(*writer), std::move(*telemetry), *runner, std::move(*engine),
                                     *enrolments, std::move(*alarms));
    Parts& parts = *parts_;
    parts.fleet.on_connected = [&parts](const NodeId&) { parts.reconcilers.nudge("lease renewal"); };
    parts.leases.on_lost = [&parts](const leases::Lease& lease, const Error& why) {
        parts.jobs.lease_lost(lease, why);
    };
    auto jobs_started = co_await parts.jobs.start();
    if (!jobs_started) co_return jobs_started;
    auto alarms_started = co_await parts.alarms.start(parts.reconcilers);
    if (!alarms_started) co_return alarms_started;
    if (settings_.ready_sandboxes > 0) {
        // Beside the jobs' folders, of which one becomes a part: no job's id begins with a dot.
        runner::ReadySandboxes ready{parts.jobs.usual_spec(), settings_.data_dir / "experiments" / ".ready",
                                     static_cast<std::size_t>(settings_.ready_sandboxes)};
        parts.launcher.keep_ready(std::move(ready));
    }
    // Before any node is talked to; requests are heard only after this function, which waits no more.
    auto port = parts.server.listen(listen->first, listen->second, "public");
    if (!port) co_return port.error().within("http.listen");
    for (auto& enrolment : *enrolments)
        parts.fleet.enrol(std::move(enrolment), settings_.ssh_user, settings_.ssh_key_path());
    parts.recorder.ask_ingest([&ingest = parts.ingest] { return ingest.counters(); });
    parts.recorder.listen(parts.live.listener());
    parts.recorder.start(
        [&ingest = parts.ingest](NodeId node, std::int64_t position) { ingest.acknowledge(node, position); },
        [&ingest = parts.ingest](NodeId node) { ingest.request_rebirth(node); });
    if (auto started = parts.ingest.start(); !started) co_return started;
    parts.broker_watch.start();
    if (settings_.mirror) parts.mirror.start();
    parts.reconcilers.add("queue", std::chrono::seconds{1}, [&parts] { return parts.jobs.run_queue(); });
    parts.reconcilers.add("active jobs", std::chrono::seconds{1}, [&parts] { return parts.jobs.watch_active(); });
    parts.reconcilers.add("lease renewal", settings_.lease_time_to_live / 3,
                          [&parts] { return parts.leases.renew_all(); });
    parts.reconcilers.start();
    spdlog::info("labhub-coordinator {} serves http://{}:{}, token in {}", LABHUB_VERSION, listen->first, *port,
                 (settings_.data_dir / "admin-token").string());
    auto noted = write_file(settings_.data_dir / "run" / "http-port", std::to_string(*port) + "\n");
    co_return noted;
}

Task<void> Coordinator::stop() {
    if (!parts_) co_return;
    co_await parts_->server.stop();
    co_await parts_->reconcilers.stop();
    co_await parts_->alarms.stop();
    co_await parts_->jobs.close();
    co_await parts_->launcher.close();
    co_await parts_->mirror.stop();
    co_await parts_->broker_watch.stop();
    co_await parts_->fleet.stop();
    parts_->ingest.stop();
    parts_->recorder.stop();
    parts_->writer->stop();
    parts_->pool.join();
}

}  // namespace labhub::coordinator::daemon
