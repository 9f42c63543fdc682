#include "agent/twin/twin.hpp"

#include <algorithm>

#include "shared/proto/agent_rpc_convert.hpp"

namespace labhub::agent::twin {
namespace {

/// The reply to Advance is a frame, which has at most 1 MiB: thousands of readings, and some room.
constexpr int kMostReadings = 8'000;
constexpr int kMostEvents = 500;
/// How often the model's own state is told.
constexpr std::chrono::seconds kStatePeriod{60};
/// Where nothing is sampled for long the vessel is looked at all the same.
constexpr std::chrono::seconds kLongestStep{10};
constexpr std::chrono::milliseconds kFastest{10}, kSlowest{std::chrono::hours{1}};

Result<ValueType> type_from(const std::string& name) {
    for (const auto type : {ValueType::boolean, ValueType::integer, ValueType::number, ValueType::text})
        if (to_string(type) == name) return type;
    return Error{ErrorCode::malformed, "'" + name + "' is no type of a metric"};
}

Result<MetricInfo> metric_from(const rpc::Metric& said) {
    MetricInfo metric;
    metric.name = said.name();
    metric.kind = said.is_actuator() ? MetricKind::actuator : MetricKind::sensor;
    LABHUB_TRY(metric.type, type_from(said.type()));
    metric.unit = said.unit();
    metric.description = said.description();
    if (said.has_minimum()) metric.minimum = said.minimum();
    if (said.has_maximum()) metric.maximum = said.maximum();
    metric.safe_value = rpc::from_rpc(said.safe_value());
    return metric;
}

ssh::Principal coordinator() { return {"coordinator", std::string(to_string(safety::Role::coordinator)), {}}; }

}  // namespace

Result<Twin::Made> Twin::read_setup(rpc::TwinSetup setup) {
    Made made;
    made.node = setup.node();
    made.device = setup.device();
    made.start = UtcMillis{setup.start_ms()};
    made.period = std::chrono::milliseconds{setup.period_ms()};
    if (made.node.empty() || made.device.empty() || made.start.count <= 0)
        return Error{ErrorCode::malformed, "a twin needs a node, a device and a time to begin at"};
    if (made.period < kFastest || made.period > kSlowest)
        return Error{ErrorCode::out_of_range, "a twin can't be sampled every " + format_duration(made.period),
                     "10ms to 1h"};
    for (const rpc::Metric& said : setup.metrics()) {
        LABHUB_TRY(auto metric, metric_from(said));
        made.metrics.push_back(std::move(metric));
    }
    if (made.metrics.empty()) return Error{ErrorCode::malformed, "a twin needs the metrics of its device"};
    made.readings = rpc::from_rpc(setup.readings());
    made.model.seed = setup.seed();
    made.beginning = beginning_from(made.readings, made.model);
    made.model.start = made.beginning.start;
    return made;
}

Result<std::unique_ptr<Twin>> Twin::make(asio::any_io_executor executor, const std::filesystem::path& folder,
                                         rpc::TwinSetup setup) {
    LABHUB_TRY(Made made, read_setup(std::move(setup)));
    const SystemClock clock;
    LABHUB_TRY(state::StateDatabase state, state::StateDatabase::open(folder, clock));
    return std::unique_ptr<Twin>(new Twin(std::move(executor), std::move(made), std::move(state)));
}

Twin::Twin(asio::any_io_executor executor, Made made, state::StateDatabase state)
    : clock_(made.start),
      made_(std::move(made)),
      state_(std::move(state)),
      driver_(new VesselDriver(made_.metrics, made_.readings, made_.model, clock_)),
      device_(made_.device, std::unique_ptr<firmware_bridge::Driver>(driver_), clock_),
      sampler_(device_, sampling::Schedule(made_.period, {}), clock_),
      audit_(state_.writer(), clock_),
      path_(executor, clock_, audit_, {}),
      alarms_(executor, {}, path_, state_.writer(), clock_),
      watch_(*driver_, made_.model),
      face_(face()),
      requests_(face_),
      next_state_(made_.start) {
    path_.add(device_);
    device_.listen([this](const sampling::Device&, const std::vector<Reading>& readings) {
        *news_.add_batches()->mutable_readings() = rpc::to_rpc(readings);
    });
}

ssh_server::NodeFace Twin::face() {
    const auto none = [] { return std::string("a twin has none"); };
    return {made_.node, LABHUB_VERSION, new_id(), clock_.steady_now(), clock_, path_, log_, none, none, none, alarms_};
}

Task<rpc::Reply> Twin::answer(rpc::Request request) {
    // What is asked for first may be anything: the device has its first values then.
    if (!device_.is_connected()) co_await sampler_.tick();
    if (!request.has_advance()) co_return co_await requests_.answer(coordinator(), std::move(request));
    const UtcMillis to{request.advance().to_ms()};
    rpc::Reply reply = co_await advance(to);
    reply.set_id(request.id());
    co_return reply;
}

Task<rpc::Reply> Twin::advance(UtcMillis to) {
    int readings = 0;
    for (int i = 0; i < news_.batches_size(); ++i) readings += news_.batches(i).readings_size();
    while (clock_.utc_now() < to && readings < kMostReadings && news_.events_size() < kMostEvents) {
        const int before = news_.batches_size();
        co_await step(to);
        for (int i = before; i < news_.batches_size(); ++i) readings += news_.batches(i).readings_size();
    }
    rpc::Reply reply;
    news_.set_now_ms(clock_.utc_now().count);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(sampler_.next() - clock_.steady_now());
    news_.set_next_sample_ms((clock_.utc_now() + wait).count);
    if (!std::exchange(is_described_, true)) describe(news_);
    *reply.mutable_advance() = std::move(news_);
    news_.Clear();
    co_return reply;
}

/// To the next moment at which something is due, or `to`.
Task<void> Twin::step(UtcMillis to) {
    const auto sample = std::chrono::ceil<std::chrono::milliseconds>(sampler_.next() - clock_.steady_now());
    const auto longest = std::min<std::chrono::milliseconds>(kLongestStep, to - clock_.utc_now());
    const auto time = std::max(std::chrono::milliseconds{1}, std::min(sample, longest));
    const LeaseId held = path_.control(made_.device).lease();
    driver_->pass(time);
    clock_.advance(time);
    const UtcMillis now = clock_.utc_now();
    co_await path_.enforce();
    co_await sampler_.tick();
    const auto add = [this](const VesselEvent& event) {
        rpc::TwinEvent& said = *news_.add_events();
        said.set_time_ms(event.time.count);
        said.set_kind(event.kind);
        said.set_subject(event.subject);
        said.set_value(event.value);
        said.set_limit(event.limit);
    };
    for (const VesselEvent& event : watch_.look(now)) add(event);
    if (!held.empty() && path_.control(made_.device).lease().empty()) add({now, "lease_expired", held.value, 0, 0});
    if (now >= next_state_) note_state();
}

void Twin::note_state() {
    next_state_ = clock_.utc_now() + kStatePeriod;
    rpc::TwinState& state = *news_.add_states();
    state.set_time_ms(clock_.utc_now().count);
    for (std::size_t n = 0; n < VESSEL_VIALS; ++n) {
        const auto& vial = driver_->vessel().vial(n);
        rpc::VialState& said = *state.add_vials();
        said.set_vial(std::string(1, static_cast<char>('A' + n)));
        said.set_volume_ml(vial.volume());
        said.set_od(vial.od());
        said.set_celsius(driver_->vessel().heat().vial(n));
        said.set_in_ml(vial.total_in());
        said.set_out_ml(vial.total_out());
        said.set_overflow_ml(vial.total_overflow());
    }
}

void Twin::describe(rpc::AdvanceReply& reply) const {
    rpc::TwinAbout& about = *reply.mutable_about();
    for (const std::string& each : made_.beginning.assumptions) about.add_assumptions(each);
    for (const std::string& each : driver_->not_simulated()) about.add_not_simulated(each);
    about.set_capacity_ml(made_.model.vial.capacity);
    about.set_culture_limit_celsius(made_.model.culture.too_hot);
}

Task<void> Twin::stop() {
    co_await alarms_.stop();
    co_await path_.stop();
}

}  // namespace labhub::agent::twin
