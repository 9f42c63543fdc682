#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/base/value.hpp"

namespace labhub::firmware_bridge {

/// Outputs of which nobody knows where they stand, as the write that named them was never answered: the board may
/// have carried it out, or not. They go to their safe values, whichever it was, at the next exchange that the board
/// answers; a later write that names them takes their place. Not thread-safe.
class DoubtfulOutputs {
  public:
    /// Some of the doubtful outputs with their safe values, as they were known at one moment.
    struct Batch {
        std::vector<Setpoint> to_safe;
        std::uint64_t moment = 0;
    };

    bool is_empty() const { return outputs_.empty(); }
    /// The write of these was not answered. Names that are none of `metrics` are left out.
    void add(const std::vector<MetricInfo>& metrics, const std::vector<Setpoint>& written);
    /// Safe was not answered.
    void add_all(const std::vector<MetricInfo>& metrics);
    /// A write of these was answered.
    void written(const std::vector<Setpoint>& setpoints);
    /// A batch was answered. What came into doubt since it was taken stays so.
    void settled(const Batch& batch);
    /// Every output is safe.
    void clear() { outputs_.clear(); }

    /// At most `most` of them, leaving out those that `besides` names.
    Batch take(std::size_t most, const std::vector<Setpoint>& besides = {}) const;

  private:
    struct Doubt {
        Value safe;
        std::uint64_t since;
    };
    void doubt(const MetricInfo& metric);

    std::map<std::string, Doubt, std::less<>> outputs_;
    std::uint64_t moment_ = 0;
};

}  // namespace labhub::firmware_bridge
