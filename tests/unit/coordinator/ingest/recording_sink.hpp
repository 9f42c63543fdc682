#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "coordinator/ingest/events.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::ingest {

/// Writes down each call as one line, for a test to compare or to wait for. Any thread.
class RecordingSink final : public Sink {
  public:
    void node_born(NodeBorn born) override { add("born " + born.node.value + " " + std::to_string(born.bd_seq)); }
    void node_died(NodeDied died) override { add("died " + died.node.value); }
    void node_stale(NodeStale stale) override { add("stale " + stale.node.value); }
    void node_heard_again(NodeId node, UtcMillis) override { add("heard " + node.value); }
    void device_died(DeviceDied died) override { add("died " + died.device.to_string()); }
    void broker_changed(bool connected, std::string) override { add(connected ? "broker up" : "broker lost"); }

    void node_changed(NodeChanged changed) override {
        std::string line = "changed " + changed.node.value;
        for (const auto& [name, value] : changed.metrics) line += " " + name + "=" + to_string(value);
        add(std::move(line));
    }
    void device_born(DeviceBorn born) override {
        std::string line = "born " + born.schema->device.to_string();
        for (const auto& metric : born.schema->metrics) line += " " + metric.name + "[" + metric.unit + "]";
        add(std::move(line) + text_of(*born.schema, born.samples));
    }
    bool samples(Samples samples) override {
        std::string line = samples.historical ? "history " : samples.transient ? "transient " : "live ";
        line += samples.device().to_string() + text_of(*samples.schema, samples.samples);
        if (samples.spool_position) line += " @" + std::to_string(*samples.spool_position);
        add(std::move(line));
        return has_room;
    }

    void readings_refused(ReadingsRefused refused) override {
        add("refused " + refused.node.value + " " + std::to_string(refused.count) + " " + refused.last);
    }

    bool has_room = true;  ///< what samples() answers

    /// What came since the last call.
    std::vector<std::string> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(lines_, {});
    }
    /// Waits until such a line has come, and forgets everything up to it. False after the limit.
    bool wait_for(const std::string& line) {
        std::unique_lock lock(mutex_);
        auto arrived = [&] {
            const auto found = std::find(lines_.begin(), lines_.end(), line);
            if (found == lines_.end()) return false;
            lines_.erase(lines_.begin(), found + 1);
            return true;
        };
        return changed_.wait_for(lock, std::chrono::seconds{15}, arrived);
    }

  private:
    static std::string text_of(const DeviceSchema& schema, const std::vector<Sample>& samples) {
        std::string text;
        for (const auto& sample : samples) {
            text += " " + schema.metrics[sample.metric].name + "=" + to_string(sample.value);
            if (sample.quality != Quality::good) text += "(" + std::string(to_string(sample.quality)) + ")";
        }
        return text;
    }
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

}  // namespace labhub::coordinator::ingest
