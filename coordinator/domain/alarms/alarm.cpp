#include "coordinator/domain/alarms/alarm.hpp"

#include <array>

#include "shared/base/text.hpp"

namespace labhub::coordinator::alarms {
namespace {

namespace json = boost::json;

template <class T, std::size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<Reaction, 4> kReactions{
    {{Reaction::log, "log"}, {Reaction::notify, "notify"}, {Reaction::pause, "pause"}, {Reaction::stop, "stop"}}};
constexpr Names<EventKind, 4> kKinds{{{EventKind::raised, "raised"},
                                      {EventKind::severity_changed, "severity_changed"},
                                      {EventKind::cleared, "cleared"},
                                      {EventKind::acknowledged, "acknowledged"}}};

template <class T, std::size_t N>
std::string_view name_of(const Names<T, N>& names, T wanted) {
    for (const auto& [value, name] : names)
        if (value == wanted) return name;
    return names[0].second;
}

template <class T, std::size_t N>
Result<T> value_of(const Names<T, N>& names, std::string_view what, std::string_view wanted) {
    std::string choices;
    for (const auto& [value, name] : names) {
        if (name == wanted) return value;
        choices += (choices.empty() ? "" : ", ") + std::string(name);
    }
    return Error{ErrorCode::malformed, "'" + printable(wanted, 40) + "' is not " + std::string(what),
                 "one of: " + choices};
}

json::value number_or_null(const std::optional<double>& number) {
    return number ? json::value(*number) : json::value(nullptr);
}

/// A member of stored JSON, or what it is by default.
std::optional<double> number_in(const json::object& object, std::string_view key) {
    const auto* const found = object.if_contains(key);
    return found && found->is_number() ? std::optional(found->to_number<double>()) : std::nullopt;
}
std::chrono::milliseconds time_in(const json::object& object, std::string_view key) {
    return std::chrono::milliseconds{static_cast<std::int64_t>(number_in(object, key).value_or(0))};
}
std::string text_in(const json::object& object, std::string_view key) {
    const auto* const found = object.if_contains(key);
    return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

}  // namespace

std::string_view to_string(Reaction reaction) { return name_of(kReactions, reaction); }
Result<Reaction> reaction_from(std::string_view name) { return value_of(kReactions, "a reaction", name); }
std::string_view to_string(EventKind kind) { return name_of(kKinds, kind); }
Result<EventKind> event_kind_from(std::string_view name) { return value_of(kKinds, "a kind of event", name); }

Result<void> check_rule(const Rule& rule) {
    LABHUB_CHECK(check_name("rule id", rule.id.value));
    if (rule.device != Rule::kAnyDevice) {
        const auto address = DeviceAddress::parse(rule.device);
        if (!address) return Error{address.error().code, address.error().message, "node/device, or * for every device"};
    }
    LABHUB_CHECK(check_metric_name(rule.metric));
    constexpr std::size_t kMaxDescription = 300;
    if (rule.description.size() > kMaxDescription || !is_utf8(rule.description))
        return Error{ErrorCode::too_large, "the description is too long, or not UTF-8", "at most 300 bytes"};
    return alarm::check_limits(rule.limits);
}

json::object to_json_object(const Limits& limits) {
    json::object object;
    const std::array<std::tuple<std::string_view, std::optional<double>, Severity>, 4> all{
        {{"lowlow", limits.lowlow, limits.lowlow_severity},
         {"low", limits.low, limits.low_severity},
         {"high", limits.high, limits.high_severity},
         {"highhigh", limits.highhigh, limits.highhigh_severity}}};
    for (const auto& [name, limit, severity] : all) {
        if (!limit) continue;
        object[name] = *limit;
        object[std::string(name) + "_severity"] = to_string(severity);
    }
    object["hysteresis"] = limits.hysteresis;
    object["delay_ms"] = limits.delay.count();
    object["no_data_ms"] = limits.no_data.count();
    object["quality"] = limits.quality;
    return object;
}

Result<Limits> limits_from(const json::object& stored) {
    Limits limits;
    const auto read = [&](std::string_view name, std::optional<double>& limit, Severity& severity) -> Result<void> {
        limit = number_in(stored, name);
        const std::string word = text_in(stored, std::string(name) + "_severity");
        if (word.empty()) return {};
        auto known = alarm::severity_from(word);
        if (!known) return Error{ErrorCode::corrupt, "stored limits: " + known.error().message};
        severity = *known;
        return {};
    };
    LABHUB_CHECK(read("lowlow", limits.lowlow, limits.lowlow_severity));
    LABHUB_CHECK(read("low", limits.low, limits.low_severity));
    LABHUB_CHECK(read("high", limits.high, limits.high_severity));
    LABHUB_CHECK(read("highhigh", limits.highhigh, limits.highhigh_severity));
    limits.hysteresis = number_in(stored, "hysteresis").value_or(0);
    limits.delay = time_in(stored, "delay_ms");
    limits.no_data = time_in(stored, "no_data_ms");
    const auto* const quality = stored.if_contains("quality");
    limits.quality = !quality || !quality->is_bool() || quality->get_bool();
    return limits;
}

json::object to_json_object(const ExperimentAlarm& declared) {
    json::object object;
    if (!declared.rule.empty()) {
        object["rule"] = declared.rule.value;
    } else {
        object["metric"] = declared.metric;
        for (const auto& member : to_json_object(declared.limits)) object[member.key()] = member.value();
        if (!declared.description.empty()) object["description"] = declared.description;
    }
    object["reaction"] = to_string(declared.reaction);
    return object;
}

Result<ExperimentAlarm> experiment_alarm_from(const json::object& stored) {
    ExperimentAlarm declared;
    declared.rule = RuleId{text_in(stored, "rule")};
    declared.metric = text_in(stored, "metric");
    declared.description = text_in(stored, "description");
    LABHUB_TRY(declared.reaction, reaction_from(text_in(stored, "reaction")));
    LABHUB_TRY(declared.limits, limits_from(stored));
    return declared;
}

Event event_of(const Alarm& alarm, EventKind kind, UtcMillis time) {
    Event event;
    event.alarm = alarm.id;
    event.rule = alarm.rule;
    event.device = alarm.device;
    event.metric = alarm.metric;
    event.unit = alarm.unit;
    event.job = alarm.job;
    event.kind = kind;
    event.condition = alarm.condition;
    event.severity = alarm.severity;
    event.highest = alarm.highest;
    event.value = alarm.value;
    event.limit = alarm.limit;
    event.time = time;
    event.message = alarm.message;
    if (kind == EventKind::acknowledged) {
        event.who = alarm.acknowledged_by;
        event.comment = alarm.comment;
    }
    return event;
}

json::object to_json_object(const Event& event) {
    return json::object{{"number", event.number},
                        {"time", to_rfc3339(event.time)},
                        {"event", to_string(event.kind)},
                        {"alarm", event.alarm.value},
                        {"rule", event.rule.value},
                        {"device", event.device.to_string()},
                        {"metric", event.metric},
                        {"unit", event.unit},
                        {"experiment", event.job.value},
                        {"condition", alarm::to_string(event.condition)},
                        {"severity", alarm::to_string(event.severity)},
                        {"value", number_or_null(event.value)},
                        {"limit", number_or_null(event.limit)},
                        {"who", event.who},
                        {"comment", event.comment},
                        {"message", event.message}};
}

}  // namespace labhub::coordinator::alarms
