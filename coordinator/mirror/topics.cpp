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

constexpr std::string_view kHex = "0123456789ABCDEF";

std::string escaped(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return {'%', kHex[byte >> 4], kHex[byte & 15]};
}

std::optional<unsigned> digit_of(char c) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    const auto at = kHex.find(c);
    return at == std::string_view::npos ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(at));
}

/// The name that the mirror itself would write so.
std::optional<std::string> name_written_so(std::string_view level) {
    auto name = name_of_level(level);
    return name && topic_level(*name) == level ? name : std::nullopt;
}

}  // namespace

std::string topic_level(std::string_view name) {
    std::string level;
    for (const char c : name)
        level += std::string_view("%/+#$").find(c) == std::string_view::npos ? std::string(1, c) : escaped(c);
    return level == "state" ? "%73tate" : level;
}

std::optional<std::string> name_of_level(std::string_view level) {
    std::string name;
    for (std::size_t at = 0; at < level.size(); ++at) {
        if (level[at] != '%') {
            name += level[at];
            continue;
        }
        if (at + 2 >= level.size()) return std::nullopt;
        const auto high = digit_of(level[at + 1]), low = digit_of(level[at + 2]);
        if (!high || !low) return std::nullopt;
        name += static_cast<char>(*high * 16 + *low);
        at += 2;
    }
    return name;
}

std::optional<Topics::Target> Topics::parse_set(std::string_view topic) const {
    constexpr std::string_view kSet = "/set";
    if (!topic.starts_with(root_) || !topic.ends_with(kSet)) return std::nullopt;
    topic.remove_prefix(root_.size());
    if (topic.size() < kSet.size()) return std::nullopt;
    topic.remove_suffix(kSet.size());
    const auto parts = split(topic, '/');
    if (parts.size() != 3) return std::nullopt;
    auto node = name_of_level(parts[0]), device = name_of_level(parts[1]), metric = name_of_level(parts[2]);
    if (!node || !device || !metric || !check_address_id("node id", *node) || !check_address_id("device id", *device) ||
        !check_metric_name(*metric))
        return std::nullopt;
    return Target{DeviceAddress{NodeId{std::move(*node)}, std::move(*device)}, std::move(*metric)};
}

std::optional<Topics::Place> Topics::parse_place(std::string_view topic) const {
    if (!topic.starts_with(root_)) return std::nullopt;
    Place place;
    place.topic = topic;
    auto parts = split(topic.substr(root_.size()), '/');
    const bool is_state = parts.back() == "state";
    if (is_state) parts.pop_back();
    const bool has_shape = is_state ? parts.size() == 1 || parts.size() == 2 : parts.size() == 1 || parts.size() == 3;
    if (!has_shape) return std::nullopt;
    std::vector<std::string> names;
    for (const auto part : parts) {
        auto name = name_written_so(part);
        if (!name || !(names.size() < 2 ? check_address_id("id", *name) : check_metric_name(*name)))
            return std::nullopt;
        names.push_back(std::move(*name));
    }
    names.resize(3);
    place.node = NodeId{std::move(names[0])};
    place.device = std::move(names[1]);
    place.metric = std::move(names[2]);
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
