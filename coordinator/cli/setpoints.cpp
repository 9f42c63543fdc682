#include "coordinator/cli/setpoints.hpp"

#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"
#include "shared/base/value.hpp"

namespace labhub::cli {
namespace {

std::optional<double> number_in(const boost::json::object& object, std::string_view key) {
    const boost::json::value* const value = object.if_contains(key);
    return value && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

ValueType type_named(std::string_view name) {
    for (const ValueType type : {ValueType::boolean, ValueType::integer, ValueType::number})
        if (name == to_string(type)) return type;
    return ValueType::text;
}

std::vector<MetricInfo> metrics_of(const boost::json::object& device) {
    std::vector<MetricInfo> metrics;
    for (const boost::json::value& each : array_of(device, "metrics")) {
        if (!each.is_object()) continue;
        const boost::json::object& from = each.get_object();
        MetricInfo metric;
        metric.name = text_of(from, "name");
        metric.kind =
            text_of(from, "kind") == to_string(MetricKind::sensor) ? MetricKind::sensor : MetricKind::actuator;
        metric.type = type_named(text_of(from, "type"));
        metric.unit = text_of(from, "unit");
        metric.minimum = number_in(from, "minimum");
        metric.maximum = number_in(from, "maximum");
        metrics.push_back(std::move(metric));
    }
    return metrics;
}

/// Where the '=' after the metric's name is: a name may have one itself. The first where no metric is called so.
std::size_t end_of_name(const std::vector<MetricInfo>& metrics, const std::string& assignment) {
    for (auto at = assignment.find('='); at != std::string::npos; at = assignment.find('=', at + 1))
        for (const MetricInfo& metric : metrics)
            if (assignment.compare(0, at, metric.name) == 0) return at;
    return assignment.find('=');
}

}  // namespace

Result<boost::json::object> setpoints_of(const boost::json::object& device,
                                         const std::vector<std::string>& assignments) {
    const std::vector<MetricInfo> metrics = metrics_of(device);
    boost::json::object values;
    for (const std::string& assignment : assignments) {
        const std::size_t equals = end_of_name(metrics, assignment);
        if (equals == std::string::npos || equals == 0)
            return Error{ErrorCode::malformed, "'" + assignment + "' is no setting",
                         "write METRIC=VALUE, as stirrer=40"};
        const std::string name = assignment.substr(0, equals);
        LABHUB_TRY(const MetricInfo* const metric, find_metric(metrics, name));
        LABHUB_TRY(const Value value, parse_value(*metric, std::string_view(assignment).substr(equals + 1)));
        LABHUB_TRY(const Value checked, check_setpoint(*metric, value));
        if (values.contains(name))
            return Error{ErrorCode::malformed, name + " is given twice", "give each metric one value"};
        values[name] = value_to_json(checked);
    }
    return values;
}

}  // namespace labhub::cli
