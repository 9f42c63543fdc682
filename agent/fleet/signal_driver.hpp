#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "firmware-bridge/driver.hpp"
#include "shared/base/clock.hpp"

namespace labhub::agent::fleet {

/// A device that is always there and has sensors only, with simulated values. Thousands share one list of metrics.
class SignalDriver final : public firmware_bridge::Driver {
  public:
    using Metrics = std::shared_ptr<const std::vector<MetricInfo>>;

    SignalDriver(Metrics metrics, std::uint64_t seed, std::uint32_t node, const Clock& clock)
        : metrics_(std::move(metrics)), seed_(seed), node_(node), clock_(clock) {}

    /// The next sample of every metric, at once.
    std::vector<Reading> measure();

    Task<Result<void>> open() override;
    Task<void> close() override;
    bool is_connected() const override { return true; }
    unsigned session() const override { return 1; }
    Result<firmware_bridge::Identity> identify() const override;
    const std::vector<MetricInfo>& metrics() const override { return *metrics_; }
    Task<Result<std::vector<Reading>>> read() override;
    Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints) override;
    Task<Result<std::vector<Reading>>> safe() override;

  private:
    Metrics metrics_;
    std::uint64_t seed_;
    std::uint32_t node_;
    const Clock& clock_;
    std::uint64_t samples_ = 0;
};

}  // namespace labhub::agent::fleet
