#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/sparkplug/codec.hpp"
#include "shared/sparkplug/sequence.hpp"

namespace labhub::coordinator::ingest {

/// The bytes an edge node "n" of group "lab" with one device "v" (metrics temp in Cel, led, both numbers) would send,
/// with seq kept as a node keeps it.
class EdgeNodeMessages {
  public:
    explicit EdgeNodeMessages(const Clock& clock) : clock_(clock) {}

    std::uint8_t bd_seq = 3;
    sparkplug::SeqCounter seq;

    static sparkplug::Topic topic(sparkplug::MessageType type) {
        return {"lab", type, "n", sparkplug::is_device_message(type) ? "v" : ""};
    }

    std::string node_birth() {
        seq.reset();
        sparkplug::Payload payload = stamped();
        payload.metrics = {metric("bdSeq", std::int64_t{bd_seq}), metric(sparkplug::node_metric::kRebirth, false),
                           metric("Node Info/Version", std::string("1"))};
        return numbered(sparkplug::MessageType::nbirth, std::move(payload));
    }
    std::string node_death() const {
        return sparkplug::encode(sparkplug::MessageType::ndeath, sparkplug::node_death(bd_seq, now())).value();
    }
    std::string device_birth() {
        MetricInfo temp, led;
        temp.name = "temp", temp.unit = "Cel";
        led.name = "led", led.kind = MetricKind::actuator;
        sparkplug::Payload payload = stamped();
        payload.metrics = {sparkplug::birth_metric(temp, {"temp", 20.0, now(), Quality::good}),
                           sparkplug::birth_metric(led, {"led", Value{}, now(), Quality::stale})};
        return numbered(sparkplug::MessageType::dbirth, std::move(payload));
    }
    std::string device_death() { return numbered(sparkplug::MessageType::ddeath, stamped()); }
    std::string data(std::vector<sparkplug::Metric> metrics) {
        sparkplug::Payload payload = stamped();
        payload.metrics = std::move(metrics);
        return numbered(sparkplug::MessageType::ddata, std::move(payload));
    }
    std::string temp(double value, std::int64_t position = -1, bool historical = false) {
        sparkplug::Metric one = metric("temp", value);
        one.is_historical = historical;
        if (position >= 0) one.properties[sparkplug::property::kSpoolPosition] = position;
        std::vector<sparkplug::Metric> metrics;
        metrics.push_back(std::move(one));
        return data(std::move(metrics));
    }
    static sparkplug::Metric metric(std::string name, Value value) {
        sparkplug::Metric made;
        made.name = std::move(name);
        made.value = std::move(value);
        return made;
    }
    UtcMillis now() const { return clock_.utc_now(); }

  private:
    sparkplug::Payload stamped() const {
        sparkplug::Payload payload;
        payload.timestamp = now();
        return payload;
    }
    std::string numbered(sparkplug::MessageType type, sparkplug::Payload payload) {
        payload.seq = seq.current();
        seq.advance();
        return sparkplug::encode(type, payload).value();
    }

    const Clock& clock_;
};

}  // namespace labhub::coordinator::ingest
