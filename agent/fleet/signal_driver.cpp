#include "agent/fleet/signal_driver.hpp"

#include "agent/fleet/signal.hpp"

namespace labhub::agent::fleet {

std::vector<Reading> SignalDriver::measure() {
    const UtcMillis now = clock_.utc_now();
    std::vector<Reading> readings;
    readings.reserve(metrics_->size());
    for (std::uint32_t i = 0; i < metrics_->size(); ++i) {
        Reading& reading = readings.emplace_back(Reading{(*metrics_)[i].name, Value{}, now, Quality::bad});
        if (is_unreadable(seed_, node_, i, samples_)) continue;
        reading.value = simulated_value(seed_, node_, i, samples_);
        reading.quality = Quality::good;
    }
    ++samples_;
    return readings;
}

Task<Result<void>> SignalDriver::open() { co_return Result<void>(); }
Task<void> SignalDriver::close() { co_return; }

Result<firmware_bridge::Identity> SignalDriver::identify() const {
    return firmware_bridge::Identity{"simulated", "signals", std::to_string(node_), LABHUB_VERSION};
}

Task<Result<std::vector<Reading>>> SignalDriver::read() { co_return measure(); }

Task<Result<std::vector<Reading>>> SignalDriver::write(std::vector<Setpoint>) {
    Error error{ErrorCode::forbidden, "a simulated device has sensors only"};
    co_return error;
}

Task<Result<std::vector<Reading>>> SignalDriver::safe() { co_return std::vector<Reading>{}; }

}  // namespace labhub::agent::fleet
