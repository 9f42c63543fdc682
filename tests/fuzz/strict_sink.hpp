#pragma once

#include <map>
#include <string>

#include "coordinator/ingest/events.hpp"

namespace labhub::fuzz {

/// Takes what the ingest tells, and fails the test where it breaks its word: values that are not finite or of another
/// type, text that is not UTF-8, times out of range, samples of what was never born. Thread: the test's.
class StrictSink final : public coordinator::ingest::Sink {
  public:
    explicit StrictSink(const Clock& clock) : clock_(clock) {}

    void node_born(coordinator::ingest::NodeBorn born) override;
    void node_changed(coordinator::ingest::NodeChanged changed) override;
    void device_born(coordinator::ingest::DeviceBorn born) override;
    void node_died(coordinator::ingest::NodeDied) override;
    void device_died(coordinator::ingest::DeviceDied died) override;
    void node_stale(coordinator::ingest::NodeStale) override {}
    void node_heard_again(NodeId, UtcMillis) override {}
    void readings_refused(coordinator::ingest::ReadingsRefused) override {}
    bool samples(coordinator::ingest::Samples samples) override;
    void broker_changed(bool, std::string) override {}

    /// Of the last live samples, by metric; for comparing.
    std::vector<coordinator::ingest::Sample> last;
    std::size_t count = 0;  ///< of all samples

  private:
    void check(const coordinator::ingest::DeviceSchema& schema,
               const std::vector<coordinator::ingest::Sample>& samples);

    const Clock& clock_;
    bool born_ = false;
    std::map<std::string, coordinator::ingest::DeviceSchemaPtr> devices_;
};

/// Whether a value is one we may keep: finite, UTF-8.
bool is_sane(const Value& value);

}  // namespace labhub::fuzz
