#include "coordinator/dry_run/dry_run.hpp"

#include <charconv>

#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"
#include "shared/proto/agent_rpc_convert.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::dry_run {
namespace {

/// A twin that lets no time pass for so long is not going to.
constexpr std::chrono::seconds kTwinTimeout{60};
constexpr std::chrono::minutes kRenewEvery{20};
constexpr std::size_t kStoreAtOnce = 50'000;

rpc::Metric to_setup(const MetricInfo& metric) {
    rpc::Metric said;
    said.set_name(metric.name);
    said.set_is_actuator(metric.kind == MetricKind::actuator);
    said.set_type(std::string(labhub::to_string(metric.type)));
    said.set_unit(metric.unit);
    said.set_description(metric.description);
    if (metric.minimum) said.set_minimum(*metric.minimum);
    if (metric.maximum) said.set_maximum(*metric.maximum);
    *said.mutable_safe_value() = rpc::to_rpc(metric.safe_value);
    return said;
}

dry_runs::CommandSeen seen(const store::CommandRecord& record, int line) {
    dry_runs::CommandSeen command;
    command.time = record.asked_at;
    command.line = line;
    command.asked = record.asked;
    command.is_applied = record.outcome == "applied";
    command.code = record.outcome;
    command.message = record.message;
    return command;
}

}  // namespace

DryRun::DryRun(Shared shared, Plan plan, std::shared_ptr<Progress> progress, TellOver tell_over)
    : shared_(std::move(shared)),
      plan_(std::move(plan)),
      progress_(std::move(progress)),
      tell_over_(std::move(tell_over)),
      clock_(plan_.start),
      turn_(shared_.executor),
      findings_(plan_.start, plan_.metrics) {}

DryRun::~DryRun() = default;

rpc::TwinSetup DryRun::setup() const {
    rpc::TwinSetup setup;
    setup.set_node(plan_.job.device.node.value);
    setup.set_device(plan_.job.device.device);
    setup.set_start_ms(plan_.start.count);
    setup.set_period_ms(static_cast<std::uint32_t>(plan_.period.count()));
    setup.set_seed(1);
    for (const MetricInfo& metric : plan_.metrics) *setup.add_metrics() = to_setup(metric);
    for (Reading reading : plan_.readings) {
        // By a clock that isn't synchronised, or from a node that is away now: where it was, it was.
        if (reading.quality != Quality::bad) reading.quality = Quality::good;
        *setup.add_readings() = rpc::to_rpc(reading);
    }
    return setup;
}

Task<void> DryRun::begin(std::shared_ptr<DryRun> self) {
    auto held = co_await self->turn_.take();
    auto made = co_await self->make();
    self->is_ready_ = made.has_value();
    if (!made)
        self->end("sandbox_failed",
                  "the twin of " + self->plan_.job.device.to_string() + " can't be made: " + made.error().to_string());
}

Task<Result<void>> DryRun::make() {
    auto folder = make_folder(plan_.scratch / "twin", 0700);
    if (!folder) co_return folder;
    auto open = [this] { return Hub::open(shared_.executor, plan_, clock_, shared_.pool, shared_.courier); };
    auto hub = co_await run_blocking(shared_.pool, std::move(open));
    if (!hub) co_return hub.error();
    hub_ = std::move(*hub);
    auto twin = TwinProcess::start(shared_.executor, plan_.twin, plan_.scratch / "twin", setup());
    if (!twin) co_return twin.error();
    twin_ = std::move(*twin);
    hub_->on_alarm_stop = [this](const std::string& message) { end(jobs::reason::kAlarm, message); };
    hub_->commander.on_record = [this](const store::CommandRecord& record) {
        if (record.asked.empty()) return;  // a hold: everything to its safe value
        ++recorded_;
        progress_->commands = ++commands_;
        findings_.command(seen(record, line_));
        if (commands_ == kMostCommands)
            end(jobs::reason::kTooLong,
                "the dry run has " + std::to_string(kMostCommands) + " commands, which is all it may keep");
    };
    auto started = co_await hub_->start(plan_);
    if (!started) co_return started;
    co_return co_await take_lease();
}

/// The same steps as for a real device, but that there is one twin and nobody else who wants it.
Task<Result<void>> DryRun::take_lease() {
    const DeviceAddress& device = plan_.job.device;
    const auto connected = std::make_shared<asio::steady_timer>(shared_.executor, kTwinTimeout);
    hub_->fleet.on_connected = [connected](const NodeId&) { connected->cancel(); };
    hub_->fleet.enrol(device.node, [this, connected]() -> Result<std::shared_ptr<ByteStream>> {
        if (auto stream = twin_->take_stream()) return std::shared_ptr<ByteStream>(std::move(stream));
        connected->cancel();  // there is nothing more to wait for
        return Error{ErrorCode::unavailable, "the simulated device has ended unexpectedly"};
    });
    co_await connected->async_wait(as_result);
    hub_->fleet.on_connected = nullptr;
    hub_->fleet.node_born(device.node, plan_.start, {});
    std::vector<Reading> none;
    hub_->fleet.device_born(device, plan_.start, plan_.metrics, std::move(none));
    co_await live_to(plan_.start);
    if (over_) {
        Error lost{ErrorCode::unavailable, over_->message};
        co_return lost;
    }
    hub_->alarms.look_at_experiments();
    auto lease = hub_->leases.reserve(device, plan_.job.holder(), plan_.job.dry_run->limit + std::chrono::hours{1});
    if (!lease) co_return lease.error();
    auto stored = co_await hub_->job_store.insert_lease(*lease);
    if (!stored) co_return stored;
    renewed_ = plan_.start;
    co_return co_await hub_->leases.grant(lease->id);
}

void DryRun::end(std::string_view reason, std::string message) {
    if (over_) return;
    over_ = Over{std::string(reason), message};
    spdlog::info("dry run {} is over: {}", plan_.job.id.value, message);
    tell_over_(reason, std::move(message));
}

/// Asks once even where no time passes: what the twin's sensors say at its start comes so.
Task<void> DryRun::live_to(UtcMillis time) {
    auto reached = hub_->fleet.reach(plan_.job.device);
    bool is_first = true;
    while (reached && (is_first || clock_.utc_now() < time) && !over_ && !is_ending_) {
        is_first = false;
        if (clock_.utc_now() - renewed_ >= kRenewEvery && renewed_.count > 0) co_await renew_lease();
        const UtcMillis to = std::min(time, clock_.utc_now() + kRenewEvery);
        auto advanced = co_await (*reached)->advance(to, kTwinTimeout);
        if (!advanced) {
            end("twin_lost", "the simulated device has ended unexpectedly: " + advanced.error().to_string());
            co_return;
        }
        take(std::move(*advanced));
        if (unstored_count_ >= kStoreAtOnce) co_await store_readings();
        reached = hub_->fleet.reach(plan_.job.device);
    }
    if (!reached) end("twin_lost", "the simulated device can't be reached: " + reached.error().to_string());
}

Task<Result<void>> DryRun::renew_lease() {
    renewed_ = clock_.utc_now();
    co_await hub_->leases.renew_all();
    co_return Result<void>{};
}

void DryRun::take(link::Advanced advanced) {
    for (auto& batch : advanced.batches) take_batch(std::move(batch));
    if (advanced.now > clock_.utc_now()) clock_.advance(advanced.now - clock_.utc_now());
    hub_->alarms.look();
    next_sample_ = advanced.next_sample;
    if (advanced.rest.has_about()) about_ = advanced.rest.about();
    for (auto& state : *advanced.rest.mutable_states()) states_.push_back(std::move(state));
    if (states_.size() == 1 && states_[0].vials_size() > 0) findings_.set_vial_volume(states_[0].vials(0).volume_ml());
    note_events(advanced.rest);
    findings_.look(clock_.utc_now());
    progress_->now_ms = clock_.utc_now().count;
    progress_->errors = static_cast<std::int64_t>(findings_.count(dry_runs::Severity::error));
    if (readings_ > kMostReadings)
        end(jobs::reason::kTooLong,
            "the dry run has " + std::to_string(kMostReadings) + " readings, which is all it may keep");
}

/// With the clock at their time, so that alarms see them as they come.
void DryRun::take_batch(std::vector<Reading> readings) {
    if (readings.empty()) return;
    const UtcMillis time = readings.front().time;
    if (time > clock_.utc_now()) clock_.advance(time - clock_.utc_now());
    hub_->fleet.add_readings(plan_.job.device, readings);
    hub_->alarms.look();
    ++samples_;
    readings_ += static_cast<std::int64_t>(readings.size());
    unstored_count_ += readings.size();
    unstored_.push_back({plan_.job.device, std::move(readings)});
}

Task<void> DryRun::store_readings() {
    unstored_count_ = 0;
    auto store = [&telemetry = *hub_->telemetry, batches = std::exchange(unstored_, {})] {
        return telemetry.append(batches);
    };
    const auto stored = co_await run_blocking(shared_.pool, std::move(store));
    if (!stored) spdlog::error("dry run {}: can't store readings: {}", plan_.job.id.value, stored.error().to_string());
}

void DryRun::note_events(const rpc::AdvanceReply& said) {
    for (const rpc::TwinEvent& event : said.events())
        findings_.vessel(UtcMillis{event.time_ms()}, event.kind(), event.subject(), event.value(), event.limit());
}

}  // namespace labhub::coordinator::dry_run
