#include "tests/fuzz/strict_sink.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "shared/base/text.hpp"

namespace labhub::fuzz {

using namespace coordinator::ingest;

namespace {

constexpr UtcMillis kYear2000{946'684'800'000};

bool is_of(const Value& value, ValueType type) {
    if (std::holds_alternative<std::monostate>(value)) return true;
    switch (type) {
        case ValueType::boolean: return std::holds_alternative<bool>(value);
        // An unsigned number too large for the type comes as the nearest double.
        case ValueType::integer:
            return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
        case ValueType::number: return std::holds_alternative<double>(value);
        case ValueType::text: return std::holds_alternative<std::string>(value);
    }
    return false;
}

}  // namespace

bool is_sane(const Value& value) {
    if (const auto* number = std::get_if<double>(&value)) return std::isfinite(*number);
    if (const auto* text = std::get_if<std::string>(&value)) return is_utf8(*text);
    return true;
}

void StrictSink::check(const DeviceSchema& schema, const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) {
        ASSERT_LT(sample.metric, schema.metrics.size());
        const MetricInfo& metric = schema.metrics[sample.metric];
        EXPECT_TRUE(is_sane(sample.value)) << metric.name;
        EXPECT_TRUE(is_of(sample.value, metric.type)) << metric.name << " = " << to_string(sample.value);
        EXPECT_GE(sample.time.count, kYear2000.count) << metric.name;
        EXPECT_LE((sample.time - clock_.utc_now()).count(), std::chrono::milliseconds(std::chrono::hours{24}).count());
        ++count;
    }
}

void StrictSink::node_born(NodeBorn born) {
    EXPECT_TRUE(born.bd_seq >= 0 && born.bd_seq <= 255) << born.bd_seq;
    for (const auto& [name, value] : born.node_metrics) EXPECT_TRUE(is_utf8(name) && is_sane(value));
    born_ = true;
    devices_.clear();
}

void StrictSink::node_changed(NodeChanged changed) {
    EXPECT_TRUE(born_);
    for (const auto& [name, value] : changed.metrics) EXPECT_TRUE(is_utf8(name) && is_sane(value));
}

void StrictSink::device_born(DeviceBorn born) {
    EXPECT_TRUE(born_);
    for (const auto& metric : born.schema->metrics) {
        EXPECT_TRUE(check_metric_name(metric.name)) << printable(metric.name);
        EXPECT_TRUE(is_utf8(metric.unit) && is_utf8(metric.description));
        EXPECT_TRUE(!metric.minimum || std::isfinite(*metric.minimum));
        EXPECT_TRUE(!metric.maximum || std::isfinite(*metric.maximum));
        EXPECT_TRUE(is_sane(metric.safe_value));
    }
    check(*born.schema, born.samples);
    devices_[born.schema->device.device] = born.schema;
}

void StrictSink::node_died(NodeDied) {
    EXPECT_TRUE(born_);
    born_ = false;
    devices_.clear();
}

void StrictSink::device_died(DeviceDied died) { EXPECT_EQ(devices_.erase(died.device.device), 1u); }

bool StrictSink::samples(Samples samples) {
    EXPECT_TRUE(born_);
    const auto device = devices_.find(samples.device().device);
    EXPECT_TRUE(device != devices_.end() && device->second == samples.schema) << samples.device().to_string();
    check(*samples.schema, samples.samples);
    if (!samples.historical && !samples.transient) last = std::move(samples.samples);
    return true;
}

}  // namespace labhub::fuzz
