#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coordinator/domain/fleet/fleet.hpp"

namespace labhub::coordinator::mirror {

/// A name as one level of a topic: each of % / + # $ as %XX, and "state", which is a topic of its own, as "%73tate".
std::string topic_level(std::string_view name);
/// The reverse. Nothing for a '%' that two hexadecimal digits don't follow.
std::optional<std::string> name_of_level(std::string_view level);

/// Where the mirror's topics lie. All payloads are JSON (RFC 8259), times RFC 3339 UTC.
///
///     labhub/<group>/state                          the coordinator: {"state", "since"}, retained, with a Will
///     labhub/<group>/<node>                         what a node has: devices and their metrics, retained
///     labhub/<group>/<node>/state                   {"state", "reason"}, retained
///     labhub/<group>/<node>/<device>/state          {"connected", "problem"}, retained
///     labhub/<group>/<node>/<device>/<metric>       {"value", "unit", "time", "quality"}, retained
///     labhub/<group>/<node>/<device>/<metric>/set   from people: the value alone, or {"value", "id"}
///     labhub/<group>/<node>/<device>/<metric>/result  the answer to a set, not retained
///
/// Names stand in them as topic_level() has them.
class Topics {
  public:
    explicit Topics(const std::string& group) : root_("labhub/" + group + "/") {}

    std::string hub_state() const { return root_ + "state"; }
    std::string node(const NodeId& node) const { return root_ + topic_level(node.value); }
    std::string node_state(const NodeId& node) const { return this->node(node) + "/state"; }
    std::string device_state(const DeviceAddress& device) const { return of(device) + "/state"; }
    std::string metric(const DeviceAddress& device, std::string_view metric) const {
        return of(device) + "/" + topic_level(metric);
    }
    std::string result(const DeviceAddress& device, std::string_view metric) const {
        return this->metric(device, metric) + "/result";
    }
    std::string set_filter() const { return root_ + "+/+/+/set"; }

    struct Target {
        DeviceAddress device;
        std::string metric;
    };
    /// The metric a `set` topic is about; nothing where it is no such topic.
    std::optional<Target> parse_set(std::string_view topic) const;

    std::string all_filter() const { return root_ + "#"; }
    /// What a retained topic is about. Its `metric` is empty for a device's state, its `device` for what is of a node.
    struct Place {
        std::string topic;
        NodeId node;
        std::string device, metric;
    };
    /// Nothing for the coordinator's own, for `set` and for what the mirror never writes.
    std::optional<Place> parse_place(std::string_view topic) const;

  private:
    std::string of(const DeviceAddress& device) const { return node(device.node) + "/" + topic_level(device.device); }

    std::string root_;
};

std::string hub_state_json(bool online, UtcMillis time);
std::string description_json(const fleet::Node& node);
std::string node_state_json(const fleet::Node& node);
std::string device_state_json(const fleet::Device& device);
std::string reading_json(const Reading& reading, std::string_view unit);

/// What somebody asked for through a `set` topic.
struct SetRequest {
    CommandId id;  ///< empty where none was given
    Value value;
};
/// A bare value ("40", "on", "#ff0000"), read as the metric's type, or an object with "value" and optionally "id".
/// Error malformed says what is wrong and what would be right.
Result<SetRequest> parse_set_request(const MetricInfo& metric, std::string_view payload);

/// {"id", "ok": true, "value", "unit", "time"}: what the device acknowledged.
std::string applied_json(const CommandId& id, const Reading& applied, std::string_view unit);
/// {"id", "ok": false, "error", "message", "detail"}; id is null where none was read.
std::string refused_json(const CommandId& id, const Error& error);

}  // namespace labhub::coordinator::mirror
