#include "coordinator/domain/telemetry/recorder.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

namespace labhub::coordinator::telemetry {
namespace {

constexpr std::chrono::milliseconds kGroupDelay{50};  // gathers what comes in one burst into one commit
constexpr std::chrono::seconds kRetryDelay{1};
constexpr std::chrono::milliseconds kLookBack{1};

}  // namespace

Recorder::Recorder(store::TelemetryStore& store, fleet::Fleet& fleet, asio::any_io_executor main)
    : store_(store), fleet_(fleet), main_(std::move(main)) {}

void Recorder::start(Acknowledge acknowledge) {
    acknowledge_ = std::move(acknowledge);
    thread_ = std::thread([this] { serve(); });
}

void Recorder::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

RecorderCounts Recorder::counts() const {
    const std::lock_guard lock(mutex_);
    RecorderCounts now = counts_;
    now.waiting = queued_readings_ + storing_readings_;
    return now;
}

void Recorder::tell_fleet(FleetNews news) {
    const std::lock_guard lock(mutex_);
    news_.push_back(std::move(news));
    if (std::exchange(is_news_posted_, true)) return;
    asio::post(main_, [this] {
        std::vector<FleetNews> all;
        {
            const std::lock_guard inner(mutex_);
            all.swap(news_);
            is_news_posted_ = false;
        }
        for (const auto& one : all) one(fleet_);
    });
}

void Recorder::enqueue(store::ReadingBatch batch, std::optional<std::pair<NodeId, std::int64_t>> position) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return queued_readings_ < kQueueBound || is_stopping_; });
    queued_readings_ += batch.readings.size();
    queue_.push_back(std::move(batch));
    if (position) positions_[position->first] = position->second;
    changed_.notify_all();
}

void Recorder::serve() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return !queue_.empty() || !descriptions_.empty() || is_stopping_; });
        if (!is_stopping_) changed_.wait_for(lock, kGroupDelay, [this] { return is_stopping_; });
        if (queue_.empty() && descriptions_.empty() && is_stopping_) return;
        auto batches = std::exchange(queue_, {});
        auto descriptions = std::exchange(descriptions_, {});
        auto positions = std::exchange(positions_, {});
        storing_readings_ = std::exchange(queued_readings_, 0);
        changed_.notify_all();
        lock.unlock();
        for (const auto& [device, metrics] : descriptions)
            if (auto described = store_.describe(device, metrics); !described)
                spdlog::error("can't store the units of {}: {}", device.to_string(), described.error().to_string());
        if (store_group(batches))
            for (const auto& [node, position] : positions) acknowledge_(node, position);
        lock.lock();
        storing_readings_ = 0;
    }
}

/// Tries until it is stored; gives up only when the program ends, as the node still has all of it.
bool Recorder::store_group(const std::vector<store::ReadingBatch>& batches) {
    while (true) {
        auto stored = store_.append(batches);
        std::unique_lock lock(mutex_);
        counts_.is_failing = !stored;
        if (stored) {
            counts_.stored += stored->stored;
            counts_.duplicates += stored->duplicates;
            counts_.failure.clear();
            return true;
        }
        if (counts_.failure != stored.error().to_string())
            spdlog::error("can't store readings: {}", stored.error().to_string());
        counts_.failure = stored.error().to_string();
        if (changed_.wait_for(lock, kRetryDelay, [this] { return is_stopping_; })) {
            for (const auto& batch : batches) counts_.dropped += batch.readings.size();
            return false;
        }
    }
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
    while (counts().waiting > 0 && Steady::now() < give_up) co_await sleep_for(kGroupDelay);
}

void Recorder::node_born(ingest::NodeBorn born) {
    tell_fleet(
        [born = std::move(born)](fleet::Fleet& fleet) { fleet.node_born(born.node, born.time, born.node_metrics); });
}

void Recorder::device_born(ingest::DeviceBorn born) {
    {
        const std::lock_guard lock(mutex_);
        descriptions_.emplace_back(born.device, born.metrics);
    }
    changed_.notify_all();
    enqueue({born.device, born.readings}, std::nullopt);
    tell_fleet(
        [born = std::move(born)](fleet::Fleet& fleet) { fleet.device_born(born.device, born.metrics, born.readings); });
}

void Recorder::node_died(ingest::NodeDied died) {
    tell_fleet([died = std::move(died)](fleet::Fleet& fleet) { fleet.node_died(died.node, died.reason); });
}

void Recorder::device_died(ingest::DeviceDied died) {
    tell_fleet([died = std::move(died)](fleet::Fleet& fleet) { fleet.device_died(died.device, died.reason); });
}

void Recorder::node_stale(ingest::NodeStale stale) {
    tell_fleet([stale = std::move(stale)](fleet::Fleet& fleet) { fleet.node_stale(stale.node, stale.reason); });
}

void Recorder::node_heard_again(NodeId node, UtcMillis) {
    tell_fleet([node = std::move(node)](fleet::Fleet& fleet) { fleet.node_heard_again(node); });
}

void Recorder::samples(ingest::Samples samples) {
    std::optional<std::pair<NodeId, std::int64_t>> position;
    if (samples.spool_position) position.emplace(samples.device.node, *samples.spool_position);
    enqueue({samples.device, samples.readings}, std::move(position));
    if (samples.historical) return;
    tell_fleet([live = std::move(samples)](fleet::Fleet& fleet) { fleet.add_readings(live.device, live.readings); });
}

void Recorder::broker_changed(bool connected, std::string reason) {
    asio::post(main_, [this, connected, reason = std::move(reason)] {
        broker_connected_ = connected;
        broker_problem_ = connected ? "" : reason;
    });
}

}  // namespace labhub::coordinator::telemetry
