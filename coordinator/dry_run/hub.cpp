#include "coordinator/dry_run/hub.hpp"

#include "coordinator/api/operations.hpp"
#include "coordinator/store/migrations/migrations.hpp"
#include "shared/sqlite/migrate.hpp"

namespace labhub::coordinator::dry_run {
namespace {

/// One grant, in the twin's time; it is renewed long before.
constexpr std::chrono::minutes kLeaseTime{60};
/// Nobody follows a dry run's readings live.
constexpr std::size_t kLiveMemory = 1u << 20;
/// A script is not to be slowed down to the pace of the clock on the wall: what it may do in a second here it would do
/// in minutes there.
constexpr api::Pace::Bounds kPace{5'000, 10'000, std::chrono::milliseconds{1'000}};

Result<std::unique_ptr<sqlite::Writer>> open_database(const std::filesystem::path& path) {
    sqlite::OpenOptions options;
    // It is deleted at the end, and a dry run doesn't outlive a power cut.
    options.synchronous = sqlite::Synchronous::normal;
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    LABHUB_CHECK(sqlite::migrate(database, store::main_migrations::migrations()));
    return sqlite::Writer::start(std::move(database));
}

}  // namespace

Result<std::unique_ptr<Hub>> Hub::open(asio::any_io_executor executor, const Plan& plan, const Clock& clock,
                                       asio::thread_pool& pool, notify::Courier& courier) {
    LABHUB_TRY(auto writer, open_database(plan.scratch / "hub.db"));
    store::TelemetryOptions options;
    options.reader_threads = 1;
    LABHUB_TRY(auto telemetry, store::TelemetryStore::open(plan.scratch / "telemetry", std::move(options)));
    return std::unique_ptr<Hub>(
        new Hub(std::move(executor), plan, clock, pool, courier, std::move(writer), std::move(telemetry)));
}

Hub::Hub(asio::any_io_executor executor, const Plan& plan, const Clock& clock, asio::thread_pool& pool,
         notify::Courier& courier, std::unique_ptr<sqlite::Writer> database,
         std::unique_ptr<store::TelemetryStore> readings)
    : writer(std::move(database)),
      telemetry(std::move(readings)),
      job_store(*writer),
      command_store(*writer),
      alarm_store(*writer),
      image_store(*writer),
      account_store(*writer),
      accounts(executor, account_store, clock, {}),
      reservation_store(*writer),
      fleet(executor, clock),
      leases(fleet, job_store, clock, kLeaseTime),
      commander(fleet, leases, command_store, clock, [](std::string_view, double) {}),
      recorder(*telemetry, fleet, executor, clock),
      broker(executor, mqtt::ConnectOptions{}),
      results(plan.experiments, fleet, *telemetry, command_store, alarm_store, pool),
      live(executor, clock, kLiveMemory),
      exporter(*telemetry),
      launcher(executor, {}),
      images(executor, {}, {image_store, clock, pool}),
      inputs({plan.scratch / "inputs"}),
      jobs(executor, {},
           {fleet,
            leases,
            commander,
            job_store,
            recorder,
            results,
            launcher,
            images,
            inputs,
            accounts,
            clock,
            pool,
            {},
            {}}),
      retention(jobs, results, {}, clock, pool),
      alarms(executor, plan.alarms, alarm_store, fleet, clock, effects(plan)),
      outbox(alarm_store),
      notifier(executor, {}, outbox, courier, clock),
      reservations({}, reservation_store, command_store, fleet, clock, {}),
      services{accounts, fleet,   leases, commander, jobs,     reservations, results, retention, images, inputs,
               recorder, metrics, broker, alarms,    notifier, *telemetry,   live,    exporter,  clock,  pool},
      router(services, api::all_operations(), kPace) {}

Hub::~Hub() { writer->stop(); }

alarms::Effects Hub::effects(const Plan& plan) {
    alarms::Effects effects;
    effects.experiments = [job = plan.job.id, device = plan.job.device, declared = plan.job.alarms] {
        return std::vector<alarms::RunningExperiment>{{job, device, declared}};
    };
    effects.stop_experiment = [this](const JobId&, const DeviceAddress&, const std::string& message) {
        if (on_alarm_stop) on_alarm_stop(message);
    };
    effects.acknowledge_on_node = [](DeviceAddress, std::string, std::string, std::string) -> Task<Result<void>> {
        co_return Result<void>{};
    };
    effects.wake_notifier = [] {};
    return effects;
}

Task<Result<void>> Hub::start(const Plan& plan) {
    jobs::Event queued{0, plan.start, std::string(to_string(jobs::Status::queued)), plan.job.requested_by, {}};
    auto stored = co_await job_store.insert(plan.job, std::move(queued));
    if (!stored) co_return std::move(stored).error();
    jobs::Job job = plan.job;
    job.status = jobs::Status::running;
    job.started = plan.start;  // by the clock that is shown here
    jobs.know(std::move(job));
    auto started = co_await alarms.start();
    if (!started) co_return started;
    fleet.on_readings = [this](const DeviceAddress& device, const std::vector<Reading>& readings) {
        alarms.readings(device, readings);
    };
    fleet.on_device_born = [this](const DeviceAddress& device) { alarms.device_born(device); };
    commander.may_command = [this](const JobId& job) { return alarms.check_commands(job); };
    co_return Result<void>{};
}

Task<void> Hub::stop() {
    co_await alarms.stop();
    // Let go of first, so that the log doesn't tell of a node that is lost.
    fleet.on_device_born = nullptr;
    const auto devices = fleet.devices();
    for (const auto& device : devices) fleet.dismiss(device.node);
    co_await fleet.stop();
    co_await launcher.close();
}

}  // namespace labhub::coordinator::dry_run
