#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/schema.hpp"

namespace labhub::coordinator::api {

struct DryRunFinding {
    std::string severity, kind, subject, message, advice;
    std::optional<std::int64_t> line;
    double at_s = 0;
    std::int64_t time = 0;
    std::optional<double> value, limit;
    std::int64_t times = 1;
};
BOOST_DESCRIBE_STRUCT(DryRunFinding, (),
                      (severity, kind, subject, message, advice, line, at_s, time, value, limit, times))
template <>
struct MemberDocs<DryRunFinding> {
    static constexpr MemberDoc list[] = {
        {"severity", "error: the experiment is wrong as it is; warning: it is likely to be; note: good to know"},
        {"kind",
         "overflow, culture_hot, wrong_unit, refused, exception, time_limit, alarm, heater_blind, full_power, dry, "
         "washed_out, lease_expired, deadlock, exit_status or left_on"},
        {"subject", "the vial, the metric, or what else it is about"},
        {"advice", "what would be right; may be empty"},
        {"line", "of the script; null where it isn't known"},
        {"at_s", "seconds of the twin's time since the start, when it came about first"},
        {"time", "the same as milliseconds of UTC since 1970"},
        {"times", "how often it came about"}};
};

struct DryRunActuator {
    std::string metric, unit;
    std::int64_t commands = 0, refused = 0;
    std::optional<double> least, most;
    std::string last;
};
BOOST_DESCRIBE_STRUCT(DryRunActuator, (), (metric, unit, commands, refused, least, most, last))
template <>
struct MemberDocs<DryRunActuator> {
    static constexpr MemberDoc list[] = {{"commands", "how often it was set, those refused among them"},
                                         {"least", "of the values applied; null for what is no number"},
                                         {"last", "the last value applied, as text"}};
};

struct DryRunSeries {
    std::string metric, unit;
    bool has_steps = false;
    std::vector<std::int64_t> times;
    std::vector<std::optional<double>> values;
};
BOOST_DESCRIBE_STRUCT(DryRunSeries, (), (metric, unit, has_steps, times, values))
template <>
struct MemberDocs<DryRunSeries> {
    static constexpr MemberDoc list[] = {
        {"metric", "a metric of the device, or vial_A_od and vial_A_volume, which the model knows and no sensor says"},
        {"has_steps", "it holds each value until the next one"},
        {"times", "milliseconds of UTC since 1970; thinned to some hundred"}};
};

struct DryRunVial {
    std::string vial;
    double volume_ml = 0, od = 0, celsius = 0, in_ml = 0, out_ml = 0, overflow_ml = 0;
};
BOOST_DESCRIBE_STRUCT(DryRunVial, (), (vial, volume_ml, od, celsius, in_ml, out_ml, overflow_ml))
template <>
struct MemberDocs<DryRunVial> {
    static constexpr MemberDoc list[] = {{"in_ml", "of medium that came in since the start"}};
};

struct DryRunNote {
    double at_s = 0;
    std::int64_t time = 0;
    std::string text;
};
BOOST_DESCRIBE_STRUCT(DryRunNote, (), (at_s, time, text))
template <>
struct MemberDocs<DryRunNote> {
    static constexpr MemberDoc list[] = {{"at_s", "seconds of the twin's time since the start"},
                                         {"time", "the same as milliseconds of UTC since 1970"}};
};

/// The file dry-run.json of a result, and the answer of GET /api/experiments/{id}/dry-run.
struct DryRunReport {
    std::string experiment_id, device, outcome;
    std::int64_t began_at = 0, ended_at = 0;
    double duration_s = 0, took_s = 0;
    std::int64_t errors = 0, warnings = 0, samples = 0, commands = 0;
    std::vector<DryRunFinding> findings;
    std::vector<DryRunActuator> actuators;
    std::vector<DryRunVial> vials;
    std::vector<DryRunSeries> series;
    std::vector<DryRunNote> notes;
    std::vector<std::string> assumptions, not_simulated;
};
BOOST_DESCRIBE_STRUCT(DryRunReport, (),
                      (experiment_id, device, outcome, began_at, ended_at, duration_s, took_s, errors, warnings,
                       samples, commands, findings, actuators, vials, series, notes, assumptions, not_simulated))
template <>
struct MemberDocs<DryRunReport> {
    static constexpr MemberDoc list[] = {
        {"outcome", "how it came to its end, one sentence"},
        {"began_at", "the twin's time, milliseconds of UTC since 1970; so is ended_at"},
        {"duration_s", "of the twin's time"},
        {"took_s", "of real time"},
        {"findings", "the worst first, then by time"},
        {"actuators", "what each was told, in short; commands.csv of the results has every command"},
        {"vials", "how the model left them"},
        {"series", "for a chart; telemetry.csv of the results has every reading"},
        {"notes", "what the script noted, as POST /api/experiments/{id}/notes has it"},
        {"assumptions", "what the twin took for granted, one sentence each"},
        {"not_simulated", "metrics of the device that the model doesn't know: their sensors have no value"}};
};

}  // namespace labhub::coordinator::api
