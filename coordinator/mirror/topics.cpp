#include "coordinator/mirror/topics.hpp"

#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::mirror {
namespace {

boost::json::value text_or_null(const std::string& text) {
    return text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
}

boost::json::object metric_json(const MetricInfo& metric) {
    boost::json::object out;
    out["name"] = metric.name;
    out["kind"] = to_string(metric.kind);
    out["type"] = to_string(metric.type);
    out["unit"] = metric.unit;
    out["description"] = metric.description;
    if (metric.minimum) out["minimum"] = *metric.minimum;
    if (metric.maximum) out["maximum"] = *metric.maximum;
    if (metric.kind == MetricKind::actuator) out["safe_value"] = value_to_json(metric.safe_value);
    return out;
}

Result<SetRequest> parse_set_object(const boost::json::object& object) {
    SetRequest request;
    const auto* value = object.if_contains("value");
    if (!value) return Error{ErrorCode::malformed, "the object has no 'value'", R"(send {"value": 40})"};
    for (const auto& [name, member] : object) {
        if (name == "value") {
            LABHUB_TRY(request.value, value_from_json(member));
        } else if (name == "id" && member.is_string()) {
            request.id = CommandId{std::string(member.as_string())};
            LABHUB_CHECK(check_name("command id", request.id.value));
        } else {
            return Error{ErrorCode::malformed, "'" + std::string(name) + "' is not understood",
                         "send {\"value\": …} and, to have it executed once however often it is sent, \"id\": \"…\""};
        }
    }
    return request;
}

}  // namespace

std::optional<Topics::Target> Topics::parse_set(std::string_view topic) const {
    constexpr std::string_view kSet = "/set";
    if (!topic.starts_with(root_) || !topic.ends_with(kSet)) return std::nullopt;
    topic.remove_prefix(root_.size());
    topic.remove_suffix(kSet.size());
    const auto first = topic.find('/');
    const auto second = first == topic.npos ? first : topic.find('/', first + 1);
    if (second == topic.npos || topic.find('/', second + 1) != topic.npos) return std::nullopt;
    auto device = DeviceAddress::parse(topic.substr(0, second));
    if (!device) return std::nullopt;
    return Target{std::move(*device), std::string(topic.substr(second + 1))};
}

std::optional<Topics::Place> Topics::parse_place(std::string_view topic) const {
    if (!topic.starts_with(root_)) return std::nullopt;
    Place place;
    place.topic = topic;
    const auto parts = split(topic.substr(root_.size()), '/');
    if (parts.size() > 3 || (parts.size() == 1 && parts[0] == "state")) return std::nullopt;
    for (const auto part : parts)
        if (!check_name("part of a topic", part)) return std::nullopt;
    place.node = NodeId{std::string(parts[0])};
    if (parts.size() == 2 && parts[1] != "state") return std::nullopt;
    if (parts.size() < 3) return place;
    place.device = parts[1];
    if (parts[2] != "state") place.metric = parts[2];
    return place;
}

std::string hub_state_json(bool online, UtcMillis time) {
    boost::json::object out;
    out["state"] = online ? "online" : "offline";
    out["since"] = to_rfc3339(time);
    return to_json(out);
}

std::string description_json(const fleet::Node& node) {
    boost::json::array devices;
    for (const auto& [id, device] : node.devices) {
        boost::json::object out;
        out["id"] = id;
        boost::json::array metrics;
        for (const auto& metric : device.metrics) metrics.push_back(metric_json(metric));
        out["metrics"] = std::move(metrics);
        devices.push_back(std::move(out));
    }
    boost::json::object out;
    out["node"] = node.id.value;
    out["version"] = text_or_null(node.version);
    out["devices"] = std::move(devices);
    return to_json(out);
}

std::string node_state_json(const fleet::Node& node) {
    boost::json::object out;
    out["state"] = to_string(node.state());
    out["reason"] = text_or_null(node.state() == fleet::NodeState::online ? std::string() : node.reason);
    return to_json(out);
}

std::string device_state_json(const fleet::Device& device) {
    boost::json::object out;
    out["connected"] = device.is_connected;
    out["problem"] = text_or_null(device.is_connected ? std::string() : device.problem);
    return to_json(out);
}

std::string reading_json(const Reading& reading, std::string_view unit) {
    boost::json::object out;
    out["value"] = value_to_json(reading.value);
    out["unit"] = unit;
    out["time"] = to_rfc3339(reading.time);
    out["quality"] = to_string(reading.quality);
    return to_json(out);
}

Result<SetRequest> parse_set_request(const MetricInfo& metric, std::string_view payload) {
    payload = trim(payload);
    if (payload.empty())
        return Error{ErrorCode::malformed, "the payload is empty", "send the value, or {\"value\": …}"};
    if (payload.front() == '{') {
        LABHUB_TRY(const auto json, parse_json(payload));
        return parse_set_object(json.as_object());
    }
    SetRequest request;
    if (payload.front() == '"') {
        LABHUB_TRY(const auto json, parse_json(payload));
        LABHUB_TRY(request.value, value_from_json(json));
    } else {
        LABHUB_TRY(request.value, parse_value(metric, payload));
    }
    return request;
}

std::string applied_json(const CommandId& id, const Reading& applied, std::string_view unit) {
    boost::json::object out;
    out["id"] = text_or_null(id.value);
    out["ok"] = true;
    out["value"] = value_to_json(applied.value);
    out["unit"] = unit;
    out["time"] = to_rfc3339(applied.time);
    return to_json(out);
}

std::string refused_json(const CommandId& id, const Error& error) {
    boost::json::object out;
    out["id"] = text_or_null(id.value);
    out["ok"] = false;
    out["error"] = code_name(error.code);
    out["message"] = error.message;
    out["detail"] = text_or_null(error.detail);
    return to_json(out);
}

}  // namespace labhub::coordinator::mirror
