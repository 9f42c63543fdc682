#include "tests/unit/agent/support/fake_driver.hpp"

#include <algorithm>

namespace labhub::test {
namespace {

MetricInfo actuator(std::string name, ValueType type, std::string unit, Value safe) {
    MetricInfo info;
    info.name = std::move(name);
    info.kind = MetricKind::actuator;
    info.type = type;
    info.unit = std::move(unit);
    info.safe_value = std::move(safe);
    return info;
}

const Error kAway{ErrorCode::unavailable, "the fake vessel is away"};

}  // namespace

FakeDriver::FakeDriver(const Clock& clock) : clock_(clock) {
    metrics_.push_back(actuator("led", ValueType::boolean, "", false));
    metrics_.push_back(actuator("stirrer", ValueType::number, "%", 0.0));
    metrics_.back().minimum = 0, metrics_.back().maximum = 100;
    metrics_.push_back(actuator("pump_A_in", ValueType::number, "mL/s", 0.0));
    metrics_.back().minimum = 0;
    MetricInfo temperature;
    temperature.name = "vial_A_temp";
    temperature.unit = "Cel";
    metrics_.push_back(temperature);
    values["vial_A_temp"] = 36.5;
    go_safe();
}

void FakeDriver::go_safe() {
    for (const MetricInfo& metric : metrics_)
        if (metric.kind == MetricKind::actuator) values[metric.name] = metric.safe_value;
}

void FakeDriver::come_back() {
    go_safe();
    connected = true;
    ++session_number;
}

std::vector<Reading> FakeDriver::actuators() const {
    std::vector<Reading> all;
    for (const MetricInfo& metric : metrics_)
        if (metric.kind == MetricKind::actuator) all.push_back(reading(metric.name));
    return all;
}

Task<Result<void>> FakeDriver::open() { co_return Result<void>{}; }
Task<void> FakeDriver::close() { co_return; }

Result<firmware_bridge::Identity> FakeDriver::identify() const {
    if (!connected) return kAway;
    return firmware_bridge::Identity{"fake", "fake vessel", "1", "0"};
}

Task<Result<std::vector<Reading>>> FakeDriver::read() {
    if (!connected || fail_reads) co_return kAway;
    std::vector<Reading> all;
    for (const MetricInfo& metric : metrics_) all.push_back(reading(metric.name));
    co_return all;
}

Task<Result<std::vector<Reading>>> FakeDriver::write(std::vector<Setpoint> setpoints) {
    most_writing = std::max(most_writing, ++writing_now);
    if (slowness.count() > 0) co_await sleep_for(slowness);
    --writing_now;
    if (!connected || fail_writes) co_return kAway;
    ++writes;
    std::vector<Reading> applied;
    for (const Setpoint& setpoint : setpoints) {
        values[setpoint.metric] = setpoint.value;
        applied.push_back(reading(setpoint.metric));
    }
    co_return applied;
}

Task<Result<std::vector<Reading>>> FakeDriver::safe() {
    if (!connected) co_return kAway;
    ++safes;
    go_safe();
    co_return actuators();
}

}  // namespace labhub::test
