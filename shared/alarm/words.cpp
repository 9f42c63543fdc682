#include "shared/alarm/words.hpp"

#include <array>
#include <utility>

#include "shared/base/text.hpp"

namespace labhub::alarm {
namespace {

template <class T, std::size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<Severity, 4> kSeverities{
    {{Severity::none, "none"}, {Severity::minor, "minor"}, {Severity::major, "major"}, {Severity::invalid, "invalid"}}};
constexpr Names<Condition, 7> kConditions{{{Condition::none, "none"},
                                           {Condition::low, "low"},
                                           {Condition::lowlow, "lowlow"},
                                           {Condition::high, "high"},
                                           {Condition::highhigh, "highhigh"},
                                           {Condition::no_data, "no_data"},
                                           {Condition::bad_quality, "bad_quality"}}};
constexpr std::string_view kNormal = "normal";
constexpr std::string_view kCleared = "cleared";
constexpr std::string_view kAcknowledged = "acknowledged";
constexpr std::string_view kUnacknowledged = "unacknowledged";

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

}  // namespace

std::string_view to_string(Severity severity) { return name_of(kSeverities, severity); }
std::string_view to_string(Condition condition) { return name_of(kConditions, condition); }
Result<Severity> severity_from(std::string_view name) { return value_of(kSeverities, "a severity", name); }
Result<Condition> condition_from(std::string_view name) { return value_of(kConditions, "an alarm condition", name); }

std::string to_string(const NodeAlarm& alarm) {
    if (alarm.condition == Condition::none) return std::string(kNormal);
    std::string text(alarm.severity == Severity::none ? kCleared : to_string(alarm.severity));
    text += " " + std::string(to_string(alarm.condition));
    return text + " " + std::string(alarm.is_acknowledged ? kAcknowledged : kUnacknowledged);
}

Result<NodeAlarm> node_alarm_from(std::string_view text) {
    NodeAlarm alarm;
    if (text == kNormal) return alarm;
    const auto words = split(text, ' ');
    const Error wrong{ErrorCode::malformed, "'" + printable(text, 60) + "' is not the state of an alarm",
                      "as: normal, major highhigh unacknowledged, cleared high unacknowledged"};
    if (words.size() != 3 || (words[2] != kAcknowledged && words[2] != kUnacknowledged)) return wrong;
    if (words[0] != kCleared) {
        LABHUB_TRY(alarm.severity, severity_from(words[0]));
    }
    LABHUB_TRY(alarm.condition, condition_from(words[1]));
    alarm.is_acknowledged = words[2] == kAcknowledged;
    return alarm;
}

}  // namespace labhub::alarm
