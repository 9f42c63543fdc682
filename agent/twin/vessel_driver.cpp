#include "agent/twin/vessel_driver.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "firmware-bridge/firmware/pixels.h"

namespace labhub::agent::twin {
namespace {

namespace sim = firmware_bridge::sim;

std::optional<std::size_t> channel_of(const MetricInfo& metric) {
    for (std::size_t channel = 0; channel < VESSEL_CHANNELS; ++channel) {
        const bool is_output = vessel_channels[channel].kind == HAL_OUTPUT;
        if (metric.name == vessel_channels[channel].name && is_output == (metric.kind == MetricKind::actuator))
            return channel;
    }
    return std::nullopt;
}

bool is_broken(const std::vector<Reading>& last, const std::string& metric) {
    return std::any_of(last.begin(), last.end(), [&](const Reading& reading) {
        return reading.metric == metric && reading.quality == Quality::bad;
    });
}

}  // namespace

VesselDriver::VesselDriver(std::vector<MetricInfo> metrics, const std::vector<Reading>& last,
                           const sim::VesselOptions& options, const Clock& clock)
    : metrics_(std::move(metrics)), vessel_(options), clock_(clock) {
    for (const MetricInfo& metric : metrics_) {
        const auto channel = channel_of(metric);
        if (metric.kind == MetricKind::actuator) outputs_[metric.name] = metric.safe_value;
        if (!channel)
            not_simulated_.push_back(metric.name);
        else if (metric.kind == MetricKind::actuator || !is_broken(last, metric.name))
            channels_[metric.name] = *channel;
    }
}

void VesselDriver::pass(std::chrono::milliseconds time) {
    vessel_.advance(std::chrono::duration<double>(time).count());
}

double VesselDriver::output(std::size_t channel) const {
    const auto found = outputs_.find(vessel_channels[channel].name);
    return found == outputs_.end() ? 0 : as_number(found->second).value_or(0);
}

bool VesselDriver::has_temperature() const {
    return std::any_of(channels_.begin(), channels_.end(), [](const auto& each) {
        constexpr std::size_t kFirst = VESSEL_TEMPERATURES;
        return each.second >= kFirst && each.second - kFirst < VESSEL_VIALS;
    });
}

Reading VesselDriver::measure(const MetricInfo& metric) {
    Reading reading{metric.name, Value{}, clock_.utc_now(), Quality::good};
    if (metric.kind == MetricKind::actuator) {
        reading.value = outputs_.at(metric.name);
        return reading;
    }
    const auto channel = channels_.find(metric.name);
    const auto sensed = channel == channels_.end() ? std::nullopt : vessel_.sense(channel->second);
    if (sensed)
        reading.value = finite(*sensed);
    else
        reading.quality = Quality::bad;
    return reading;
}

/// The ring light's text has a form of its own, which a board checks; all else was checked against the metric.
Result<void> VesselDriver::set(const MetricInfo& metric, const Value& value) {
    const auto channel = channels_.find(metric.name);
    if (channel != channels_.end() && channel->second == VESSEL_RING_LIGHT) {
        std::array<std::uint8_t, 3 * HAL_MAX_PIXELS> rgb{};
        const char* problem = "";
        const std::string text = to_string(value);
        if (!pixels_apply(text.c_str(), rgb.data(), HAL_MAX_PIXELS, &problem))
            return Error{ErrorCode::malformed, metric.name + ": " + problem};
        vessel_.set_ring(std::accumulate(rgb.begin(), rgb.end(), 0.0) / (255.0 * static_cast<double>(rgb.size())));
    } else if (channel != channels_.end()) {
        vessel_.set(channel->second, as_number(value).value_or(0));
    }
    outputs_[metric.name] = value;
    return {};
}

Task<Result<void>> VesselDriver::open() { co_return Result<void>(); }
Task<void> VesselDriver::close() { co_return; }

Result<firmware_bridge::Identity> VesselDriver::identify() const {
    return firmware_bridge::Identity{"twin", "simulated vessel", "twin", LABHUB_VERSION};
}

Task<Result<std::vector<Reading>>> VesselDriver::read() {
    std::vector<Reading> readings;
    readings.reserve(metrics_.size());
    for (const MetricInfo& metric : metrics_) readings.push_back(measure(metric));
    co_return readings;
}

Task<Result<std::vector<Reading>>> VesselDriver::write(std::vector<Setpoint> setpoints) {
    std::vector<Reading> applied;
    for (const Setpoint& setpoint : setpoints) {
        const auto metric = find_metric(metrics_, setpoint.metric);
        if (!metric) co_return metric.error();
        if (auto done = set(**metric, setpoint.value); !done) co_return done.error();
        applied.push_back(measure(**metric));
    }
    co_return applied;
}

Task<Result<std::vector<Reading>>> VesselDriver::safe() {
    std::vector<Setpoint> all;
    for (const MetricInfo& metric : metrics_)
        if (metric.kind == MetricKind::actuator) all.push_back({metric.name, metric.safe_value});
    return write(std::move(all));
}

}  // namespace labhub::agent::twin
