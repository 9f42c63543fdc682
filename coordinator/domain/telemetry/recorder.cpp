#include "coordinator/domain/telemetry/recorder.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include "shared/sparkplug/payload.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryDelay = 1s;
constexpr auto kTellEvery = 100ms;         // what comes while the store fails
constexpr auto kAcknowledgeEvery = 500ms;  // a node only needs it to let go of what it keeps
constexpr auto kLookBack = 1ms;
constexpr auto kLookAgain = 50ms;
constexpr const char* kSpoolLife = "Node Info/Spool Life";
constexpr std::size_t kLongestLife = 256;
constexpr std::size_t kMostSpools = 50'000;  // strangers' among them; those born again are known again

}  // namespace

void StoredWithin::add(std::chrono::milliseconds took, std::size_t count) {
    const auto place = std::lower_bound(kMilliseconds.begin(), kMilliseconds.end(), took.count());
    samples[static_cast<std::size_t>(place - kMilliseconds.begin())] += count;
}

Recorder::Recorder(store::TelemetryStore& store, fleet::Fleet& fleet, asio::any_io_executor main, const Clock& clock)
    : store_(store),
      fleet_(fleet),
      clock_(clock),
      main_(main),
      news_(fleet, main),
      intake_(kQueueBound),
      writer_(store) {}

void Recorder::start(Acknowledge acknowledge, RequestRebirth request_rebirth) {
    acknowledge_ = std::move(acknowledge);
    request_rebirth_ = std::move(request_rebirth);
    thread_ = std::thread([this] { serve(); });
}

void Recorder::stop() {
    intake_.close();
    if (thread_.joinable()) thread_.join();
}

RecorderCounts Recorder::counts() const {
    const std::lock_guard lock(mutex_);
    RecorderCounts now = counts_;
    now.waiting = intake_.waiting();
    now.dropped += intake_.refused();
    return now;
}

std::optional<Steady::time_point> Recorder::next_acknowledgement() const {
    if (positions_.empty()) return std::nullopt;
    return acknowledged_at_ + kAcknowledgeEvery;
}

void Recorder::serve() {
    while (auto taken = intake_.take(next_acknowledgement())) {
        writer_.learn(taken->schemas);
        if (!taken->samples.empty()) take_in(std::move(*taken));
        acknowledge_due(false);
        if (!request_rebirth_) continue;
        for (const auto& node : intake_.take_refused()) request_rebirth_(node);
    }
    acknowledge_due(true);
}

void Recorder::take_in(Intake::Taken taken) {
    const auto group = std::make_shared<const SampleGroup>(std::move(taken.samples));
    if (taken.seen == 0)
        for (const auto& listener : listeners_) listener(group);
    else
        tell(SampleGroup(group->begin() + static_cast<std::ptrdiff_t>(taken.seen), group->end()));
    const bool is_stored = store_group(*group);
    intake_.done();
    if (!is_stored) return;
    for (const auto& [node, position] : writer_.positions()) positions_[node] = position;
}

void Recorder::tell(SampleGroup group) {
    if (group.empty() || listeners_.empty()) return;
    const auto shared = std::make_shared<const SampleGroup>(std::move(group));
    for (const auto& listener : listeners_) listener(shared);
}

void Recorder::count(const SampleGroup& group, const store::StoreCounts& stored) {
    const UtcMillis now = clock_.utc_now();
    const std::lock_guard lock(mutex_);
    counts_.stored += stored.stored;
    counts_.duplicates += stored.duplicates;
    counts_.is_failing = false;
    counts_.failure.clear();
    for (const auto& each : group)
        if (!each->historical && !each->samples.empty())
            counts_.stored_within.add(now - each->samples.back().time, each->samples.size());
}

void Recorder::acknowledge_due(bool now) {
    if (positions_.empty() || (!now && Steady::now() < acknowledged_at_ + kAcknowledgeEvery)) return;
    for (const auto& [node, position] : positions_) acknowledge_(node, position);
    positions_.clear();
    acknowledged_at_ = Steady::now();
}

/// Tries until it is stored; gives up only when the program ends, as the nodes still have all of it.
bool Recorder::store_group(const SampleGroup& group) {
    while (true) {
        const auto stored = writer_.store(group);
        intake_.set_failing(!stored);
        if (stored) {
            count(group, *stored);
            return true;
        }
        {
            const std::lock_guard lock(mutex_);
            counts_.is_failing = true;
            if (counts_.failure != stored.error().to_string())
                spdlog::error("can't store readings: {}", stored.error().to_string());
            counts_.failure = stored.error().to_string();
        }
        if (!wait_for_better()) break;
    }
    const std::lock_guard lock(mutex_);
    for (const auto& each : group) counts_.dropped += each->samples.size();
    return false;
}

/// Until the next attempt. False: the program ends.
bool Recorder::wait_for_better() {
    const auto until = Steady::now() + kRetryDelay;
    while (Steady::now() < until) {
        if (intake_.sleep(kTellEvery)) return false;
        tell(intake_.look());
    }
    return true;
}

Task<void> Recorder::wait_for_readings(DeviceAddress device, UtcMillis until, std::chrono::milliseconds limit) {
    const auto give_up = Steady::now() + limit;
    UtcMillis newest{};
    while (newest < until && Steady::now() < give_up) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - Steady::now());
        auto samples = co_await fleet_.samples_after(device, std::max(newest, until - kLookBack), 1, left);
        if (!samples || samples->empty()) break;
        newest = samples->back().time;
    }
    // What was received is queued by now.
    while (counts().waiting > 0 && Steady::now() < give_up) co_await sleep_for(kLookAgain);
}

/// What an earlier run of the coordinator has stored, or this one has told the node in vain, is not sent again.
void Recorder::learn_spool(const ingest::NodeBorn& born) {
    ingest::NodeSpool said;
    if (const auto life = born.node_metrics.find(kSpoolLife); life != born.node_metrics.end())
        if (const auto* const text = std::get_if<std::string>(&life->second); text && text->size() <= kLongestLife)
            said.life = *text;
    if (const auto known = born.node_metrics.find(sparkplug::node_metric::kAcknowledge);
        known != born.node_metrics.end())
        if (const auto* const position = std::get_if<std::int64_t>(&known->second)) said.acknowledged = *position;
    const auto stored = said.life.empty() ? std::nullopt : store_.spool_position(born.node, said.life);
    if (stored && *stored > said.acknowledged && acknowledge_) acknowledge_(born.node, *stored);
    if (spools_.size() >= kMostSpools) spools_.clear();
    spools_[born.node] = std::make_shared<const ingest::NodeSpool>(std::move(said));
}

ingest::NodeSpoolPtr Recorder::spool_of(const NodeId& node) const {
    const auto found = spools_.find(node);
    return found == spools_.end() ? nullptr : found->second;
}

void Recorder::node_born(ingest::NodeBorn born) {
    learn_spool(born);
    const NodeId node = born.node;
    const std::size_t weight = born.node_metrics.size();
    const bool is_told = news_.node_born(node, weight, [born = std::move(born)](fleet::Fleet& fleet) {
        fleet.node_born(born.node, born.time, born.node_metrics);
    });
    if (!is_told) intake_.want_again(node);
}

void Recorder::node_changed(ingest::NodeChanged changed) {
    const NodeId node = changed.node;
    const std::size_t weight = changed.metrics.size();
    const bool is_told = news_.tell_of(node, weight, [changed = std::move(changed)](fleet::Fleet& fleet) {
        fleet.node_changed(changed.node, changed.metrics);
    });
    if (!is_told) intake_.want_again(node);
}

void Recorder::device_born(ingest::DeviceBorn born) {
    intake_.put(born.schema);
    // Refused for want of room, they are missed by nobody: the spool has them too.
    const NodeId node = born.schema->device.node;
    intake_.put(ingest::Samples{born.schema, born.samples, false, false, std::nullopt, spool_of(node)});
    const std::size_t weight = born.schema->metrics.size();
    const bool is_told = news_.tell_of(node, weight, [born = std::move(born)](fleet::Fleet& fleet) {
        std::vector<Reading> readings;
        for (const auto& sample : born.samples)
            readings.push_back({born.schema->metrics[sample.metric].name, sample.value, sample.time, sample.quality});
        fleet.device_born(born.schema->device, born.time, born.schema->metrics, std::move(readings));
    });
    if (!is_told) intake_.want_again(node);
}

void Recorder::node_died(ingest::NodeDied died) {
    news_.tell([died = std::move(died)](fleet::Fleet& fleet) { fleet.node_died(died.node, died.reason); });
}

void Recorder::device_died(ingest::DeviceDied died) {
    const NodeId node = died.device.node;
    const bool is_told = news_.tell_of(node, 0, [died = std::move(died)](fleet::Fleet& fleet) {
        fleet.device_died(died.device, died.time, died.reason);
    });
    if (!is_told) intake_.want_again(node);
}

void Recorder::node_stale(ingest::NodeStale stale) {
    news_.tell([stale = std::move(stale)](fleet::Fleet& fleet) { fleet.node_stale(stale.node, stale.reason); });
}

void Recorder::node_heard_again(NodeId node, UtcMillis) {
    news_.tell([node = std::move(node)](fleet::Fleet& fleet) { fleet.node_heard_again(node); });
}

void Recorder::readings_refused(ingest::ReadingsRefused refused) {
    news_.tell([refused = std::move(refused)](fleet::Fleet& fleet) {
        fleet.readings_refused(refused.node, refused.count, refused.last);
    });
}

bool Recorder::samples(ingest::Samples samples) {
    samples.spool = spool_of(samples.device().node);
    if (!samples.historical && !news_.live(samples)) intake_.want_again(samples.device().node);
    return intake_.put(std::move(samples));
}

void Recorder::broker_changed(bool connected, std::string reason) {
    asio::post(main_, [this, connected, reason = std::move(reason)] {
        broker_connected_ = connected;
        broker_problem_ = connected ? "" : reason;
    });
}

}  // namespace labhub::coordinator::telemetry
