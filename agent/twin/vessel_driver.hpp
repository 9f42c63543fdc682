#pragma once

#include <map>
#include <string>
#include <vector>

#include "firmware-bridge/driver.hpp"
#include "firmware-bridge/sim/vessel.hpp"
#include "shared/base/clock.hpp"

namespace labhub::agent::twin {

/// The simulated vessel in the place of a device: with the metrics, ranges and safe values the real one announced. What
/// the model doesn't know has no value where it is a sensor, and keeps what it was set to where it is an actuator. A
/// sensor that could not be read on the real device can't be read here either. Always connected.
class VesselDriver final : public firmware_bridge::Driver {
  public:
    VesselDriver(std::vector<MetricInfo> metrics, const std::vector<Reading>& last,
                 const firmware_bridge::sim::VesselOptions& options, const Clock& clock);

    /// Lets time pass for what is in the vessel.
    void pass(std::chrono::milliseconds time);
    const firmware_bridge::sim::Vessel& vessel() const { return vessel_; }
    /// The value an output of the model has now, 0 where the device has none of that name.
    double output(std::size_t channel) const;
    /// Whether any culture's temperature can be read.
    bool has_temperature() const;
    /// Metrics of the device that the model doesn't know.
    const std::vector<std::string>& not_simulated() const { return not_simulated_; }

    Task<Result<void>> open() override;
    Task<void> close() override;
    bool is_connected() const override { return true; }
    unsigned session() const override { return 1; }
    Result<firmware_bridge::Identity> identify() const override;
    const std::vector<MetricInfo>& metrics() const override { return metrics_; }
    Task<Result<std::vector<Reading>>> read() override;
    Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints) override;
    Task<Result<std::vector<Reading>>> safe() override;

  private:
    Reading measure(const MetricInfo& metric);
    Result<void> set(const MetricInfo& metric, const Value& value);

    std::vector<MetricInfo> metrics_;
    std::map<std::string, std::size_t> channels_;  ///< of the metrics the model knows and that can be read
    std::map<std::string, Value> outputs_;
    std::vector<std::string> not_simulated_;
    firmware_bridge::sim::Vessel vessel_;
    const Clock& clock_;
};

}  // namespace labhub::agent::twin
