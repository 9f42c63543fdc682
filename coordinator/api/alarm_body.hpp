#pragma once

#include <array>

#include "coordinator/api/call.hpp"
#include "coordinator/api/schema.hpp"
#include "coordinator/domain/alarms/alarms.hpp"

namespace labhub::coordinator::api {

/// What makes a metric alarming, as requests say it.
struct AlarmLimits {
    std::optional<double> lowlow, low, high, highhigh;
    std::optional<std::string> lowlow_severity, low_severity, high_severity, highhigh_severity;
    std::optional<double> hysteresis;
    std::optional<boost::json::value> delay, no_data;
    std::optional<bool> quality;
    std::optional<std::string> reaction, description;
};
BOOST_DESCRIBE_STRUCT(AlarmLimits, (),
                      (lowlow, low, high, highhigh, lowlow_severity, low_severity, high_severity, highhigh_severity,
                       hysteresis, delay, no_data, quality, reaction, description))

/// A rule of the lab.
struct AlarmRuleBody : AlarmLimits {
    std::optional<std::string> id, device;
    std::string metric;
};
BOOST_DESCRIBE_STRUCT(AlarmRuleBody, (AlarmLimits), (id, device, metric))

/// An alarm an experiment declares.
struct ExperimentAlarmBody : AlarmLimits {
    std::optional<std::string> rule, metric;
};
BOOST_DESCRIBE_STRUCT(ExperimentAlarmBody, (AlarmLimits), (rule, metric))

namespace impl {

template <std::size_t N>
constexpr std::array<MemberDoc, N + 7> with_limit_docs(const MemberDoc (&own)[N]) {
    constexpr MemberDoc kLimits[7] = {
        {"high", "inclusive, in the metric's unit; as lowlow, low and highhigh"},
        {"high_severity", "none, minor, major or invalid; minor for low and high, major for lowlow and highhigh"},
        {"hysteresis", "how far back inside a limit the value must be to clear; 0 when left out"},
        {"delay", "seconds, or text as '30s': so long the condition must hold"},
        {"no_data", "seconds, or text as '5m': no reading for so long is an alarm; 0 for never"},
        {"quality", "whether a reading without a usable value is an alarm; true when left out"},
        {"reaction", "log, notify (when left out), pause or stop"}};
    std::array<MemberDoc, N + 7> all{};
    for (std::size_t i = 0; i < N; ++i) all[i] = own[i];
    for (std::size_t i = 0; i < 7; ++i) all[N + i] = kLimits[i];
    return all;
}

}  // namespace impl

template <>
struct MemberDocs<AlarmRuleBody> {
    static constexpr auto list = impl::with_limit_docs(
        {{"id", "its name; made of device and metric when left out"},
         {"device", "node/device, or * for every device with that metric; the only one there is when left out"}});
};
template <>
struct MemberDocs<ExperimentAlarmBody> {
    static constexpr auto list = impl::with_limit_docs(
        {{"rule", "a rule of the lab, which then may have a stronger reaction"}, {"metric", "where no rule is named"}});
};

/// Errors malformed, out_of_range, naming the member.
Result<alarms::Rule> rule_from(const AlarmRuleBody& body, const alarms::Alarms::Settings& defaults);
Result<std::vector<alarms::ExperimentAlarm>> declared_from(const std::vector<ExperimentAlarmBody>& bodies,
                                                           const alarms::Alarms::Settings& defaults);

}  // namespace labhub::coordinator::api
