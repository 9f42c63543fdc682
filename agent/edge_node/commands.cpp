#include "agent/edge_node/commands.hpp"

#include <algorithm>
#include <limits>

#include "shared/sparkplug/codec.hpp"

namespace labhub::agent::edge_node {
namespace {

constexpr std::chrono::milliseconds kGoodFor{60'000};
/// A sender may say any time; no later one can be counted on from.
constexpr UtcMillis kLastTime{std::numeric_limits<std::int64_t>::max() - kGoodFor.count()};
constexpr std::size_t kMaxIdLength = 128;

std::optional<std::int64_t> integer(const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
    return std::nullopt;
}

const Value* property(const sparkplug::Metric& metric, const std::string& key) {
    const auto found = metric.properties.find(key);
    return found == metric.properties.end() ? nullptr : &found->second;
}

CommandId command_id(const sparkplug::Payload& payload) {
    const Value* const given = property(payload.metrics.front(), "command_id");
    if (given && std::holds_alternative<std::string>(*given) && !std::get<std::string>(*given).empty())
        return CommandId{std::get<std::string>(*given).substr(0, kMaxIdLength)};
    if (!payload.uuid.empty()) return CommandId{payload.uuid.substr(0, kMaxIdLength)};
    return CommandId{new_id()};
}

}  // namespace

Result<NodeCommand> parse_node_command(std::string_view payload) {
    LABHUB_TRY(const sparkplug::Decoded decoded, sparkplug::decode(payload));
    NodeCommand command;
    for (const sparkplug::Metric& metric : decoded.payload.metrics) {
        if (metric.name == sparkplug::node_metric::kRebirth && metric.value == Value{true}) command.rebirth = true;
        if (metric.name == sparkplug::node_metric::kAcknowledge) command.acknowledge = integer(metric.value);
    }
    return command;
}

Result<safety::Command> parse_device_command(const std::string& device, std::string_view payload, UtcMillis now) {
    LABHUB_TRY(const sparkplug::Decoded decoded, sparkplug::decode(payload));
    if (decoded.payload.metrics.empty() || decoded.unsupported > 0 || decoded.unknown > 0)
        return Error{ErrorCode::malformed, "a device command has metrics that can't be read",
                     "each needs a name, a datatype and a value of that type"};
    safety::Command command;
    command.id = command_id(decoded.payload);
    command.asker = safety::Asker{safety::Origin::dcmd, "mqtt:dcmd", safety::Role::operates};
    command.device = device;
    command.deadline = std::min(decoded.payload.timestamp.value_or(now), kLastTime) + kGoodFor;
    if (const Value* const given = property(decoded.payload.metrics.front(), "deadline_ms"))
        if (const auto deadline = integer(*given)) command.deadline = UtcMillis{*deadline};
    for (const sparkplug::Metric& metric : decoded.payload.metrics)
        command.setpoints.push_back(Setpoint{metric.name, metric.value});
    return command;
}

}  // namespace labhub::agent::edge_node
