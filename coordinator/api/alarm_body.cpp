#include "coordinator/api/alarm_body.hpp"

#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>

#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

Result<std::chrono::milliseconds> time_from(std::string_view name, const std::optional<boost::json::value>& given,
                                            std::chrono::milliseconds otherwise) {
    if (!given || given->is_null()) return otherwise;
    if (!given->is_string() && !given->is_number())
        return Error{ErrorCode::malformed, "'" + std::string(name) + "' must be a number of seconds, or text",
                     "as 30 or \"1m30s\""};
    auto time = parse_duration(given->is_string() ? std::string(given->get_string()) : to_json(*given));
    if (!time) return time.error().within("'" + std::string(name) + "'");
    return time;
}

Result<void> severity_from(std::string_view name, const std::optional<std::string>& given, alarms::Severity& severity) {
    if (!given) return {};
    auto known = alarm::severity_from(*given);
    if (!known) return known.error().within("'" + std::string(name) + "'");
    severity = *known;
    return {};
}

Result<alarms::Limits> limits_from(const AlarmLimits& body, const alarms::Alarms::Settings& defaults) {
    alarms::Limits limits;
    limits.lowlow = body.lowlow;
    limits.low = body.low;
    limits.high = body.high;
    limits.highhigh = body.highhigh;
    LABHUB_CHECK(severity_from("lowlow_severity", body.lowlow_severity, limits.lowlow_severity));
    LABHUB_CHECK(severity_from("low_severity", body.low_severity, limits.low_severity));
    LABHUB_CHECK(severity_from("high_severity", body.high_severity, limits.high_severity));
    LABHUB_CHECK(severity_from("highhigh_severity", body.highhigh_severity, limits.highhigh_severity));
    limits.hysteresis = body.hysteresis.value_or(0);
    LABHUB_TRY(limits.delay, time_from("delay", body.delay, defaults.delay));
    LABHUB_TRY(limits.no_data, time_from("no_data", body.no_data, defaults.no_data));
    limits.quality = body.quality.value_or(true);
    return limits;
}

Result<alarms::Reaction> reaction_from(const AlarmLimits& body) {
    if (!body.reaction) return alarms::Reaction::notify;
    auto known = alarms::reaction_from(*body.reaction);
    if (!known) return known.error().within("'reaction'");
    return known;
}

bool says_limits(const AlarmLimits& body) {
    return body.lowlow || body.low || body.high || body.highhigh || body.hysteresis || body.delay || body.no_data ||
           body.quality;
}

/// FNV-1a, 32 bits, in hexadecimal.
std::string short_hash(std::string_view text) {
    std::uint32_t hash = 2'166'136'261U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(hash));
    return digits.data();
}

/// The same device and metric give the same rule, so that setting it again changes it. Names that can't be part of an
/// id as they are get what tells them from those that look the same in it.
std::string derived_id(const std::string& device, const std::string& metric) {
    constexpr std::size_t kMaxName = 64, kHash = 9;
    const bool is_any = device == alarms::Rule::kAnyDevice;
    std::string id = is_any ? metric : device + "." + metric;
    const std::size_t stroke = is_any ? id.size() : device.find('/');
    bool is_same = id.size() <= kMaxName;
    for (std::size_t at = 0; at < id.size(); ++at) {
        const auto c = static_cast<unsigned char>(id[at]);
        if (c < 0x80 && (std::isalnum(c) || c == '_' || c == '-' || c == '.')) continue;
        is_same = is_same && at == stroke;
        id[at] = '.';
    }
    if (id.starts_with('.') || id.starts_with('-')) {
        id = "m" + id;
        is_same = false;
    }
    return is_same ? id : id.substr(0, kMaxName - kHash) + "-" + short_hash(device + "/" + metric);
}

Result<alarms::ExperimentAlarm> one_declared(const ExperimentAlarmBody& body,
                                             const alarms::Alarms::Settings& defaults) {
    if (body.rule.has_value() == body.metric.has_value())
        return Error{ErrorCode::malformed, "name either a rule or a metric", "as {\"metric\": \"vial_A_temp\", …}"};
    if (body.rule && says_limits(body))
        return Error{ErrorCode::malformed, "an alarm that names a rule has that rule's limits",
                     "leave the limits out, or name the metric instead of the rule"};
    alarms::ExperimentAlarm declared;
    LABHUB_TRY(declared.reaction, reaction_from(body));
    declared.rule = alarms::RuleId{body.rule.value_or("")};
    declared.metric = body.metric.value_or("");
    declared.description = body.description.value_or("");
    if (body.metric) {
        LABHUB_TRY(declared.limits, limits_from(body, defaults));
    }
    return declared;
}

}  // namespace

Result<alarms::Rule> rule_from(const AlarmRuleBody& body, const alarms::Alarms::Settings& defaults) {
    alarms::Rule rule;
    rule.device = body.device.value_or("");
    rule.metric = body.metric;
    rule.id = alarms::RuleId{body.id.value_or(derived_id(rule.device, rule.metric))};
    LABHUB_TRY(rule.limits, limits_from(body, defaults));
    LABHUB_TRY(rule.reaction, reaction_from(body));
    rule.description = body.description.value_or("");
    return rule;
}

Result<std::vector<alarms::ExperimentAlarm>> declared_from(const std::vector<ExperimentAlarmBody>& bodies,
                                                           const alarms::Alarms::Settings& defaults) {
    std::vector<alarms::ExperimentAlarm> all;
    for (const auto& body : bodies) {
        auto one = one_declared(body, defaults);
        if (!one) return one.error().within("alarms[" + std::to_string(all.size()) + "]");
        all.push_back(std::move(*one));
    }
    return all;
}

}  // namespace labhub::coordinator::api
