#include "coordinator/domain/fleet/condition.hpp"

#include "shared/base/text.hpp"

namespace labhub::coordinator::fleet {
namespace {

using Metrics = std::map<std::string, Value>;

/// Longer than any text an agent writes; a node of another make may send what it likes.
constexpr std::size_t kMaxText = 200;

std::int64_t integer_in(const Metrics& metrics, const std::string& name) {
    const auto found = metrics.find(name);
    const auto* const integer = found == metrics.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
    return integer ? *integer : 0;
}

std::string text_in(const Metrics& metrics, const std::string& name) {
    const auto found = metrics.find(name);
    const auto* const text = found == metrics.end() ? nullptr : std::get_if<std::string>(&found->second);
    return text ? printable(*text, kMaxText) : std::string();
}

}  // namespace

std::optional<SpoolCondition> spool_condition(const Metrics& node_metrics) {
    if (!node_metrics.contains("Node Info/Spool Depth")) return std::nullopt;
    SpoolCondition spool;
    spool.rows = integer_in(node_metrics, "Node Info/Spool Depth");
    spool.bytes = integer_in(node_metrics, "Node Info/Spool Bytes");
    spool.dropped = integer_in(node_metrics, "Node Info/Spool Dropped");
    spool.dropped_readings = integer_in(node_metrics, "Node Info/Spool Dropped Readings");
    spool.dropped_state_changes = integer_in(node_metrics, "Node Info/Spool Dropped State Changes");
    spool.dropped_alarms = integer_in(node_metrics, "Node Info/Spool Dropped Alarms");
    spool.replaced = integer_in(node_metrics, "Node Info/Spool Replaced");
    spool.problem = text_in(node_metrics, "Node Info/Spool Problem");
    return spool;
}

std::optional<ClockCondition> clock_condition(const Metrics& node_metrics) {
    if (!node_metrics.contains("Node Info/Clock")) return std::nullopt;
    ClockCondition clock;
    clock.state = text_in(node_metrics, "Node Info/Clock");
    clock.steps = integer_in(node_metrics, "Node Info/Clock Steps");
    clock.last_step_ms = integer_in(node_metrics, "Node Info/Clock Last Step");
    return clock;
}

}  // namespace labhub::coordinator::fleet
