#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/alarm_body.hpp"
#include "coordinator/api/call.hpp"
#include "coordinator/api/needs_body.hpp"
#include "coordinator/api/schema.hpp"
#include "coordinator/domain/jobs/submission.hpp"

namespace labhub::coordinator::api {

struct InputBody {
    std::string name, sha256;
};
BOOST_DESCRIBE_STRUCT(InputBody, (), (name, sha256))
template <>
struct MemberDocs<InputBody> {
    static constexpr MemberDoc list[] = {{"name", "the file's name in /app/input"},
                                         {"sha256", "of its content, as POST /api/inputs answered"}};
};

/// How an experiment is to run; every member may be left out.
struct ExperimentConfig {
    std::optional<std::string> device, image;
    std::optional<NeedsBody> needs;
    std::optional<boost::json::value> time_limit, memory, output_limit;
    std::optional<double> cpus;
    std::optional<std::map<std::string, std::string>> environment;
    std::optional<std::map<std::string, boost::json::value>> params;
    std::optional<std::vector<InputBody>> inputs;
    std::optional<std::vector<std::string>> tags;
    std::optional<std::string> note;
    std::optional<bool> queue, hold, dry_run;
    std::optional<boost::json::value> at_most;
    std::optional<int> priority;
    std::optional<boost::json::value> run_at;
    std::optional<std::vector<ExperimentAlarmBody>> alarms;
};
BOOST_DESCRIBE_STRUCT(ExperimentConfig, (),
                      (device, needs, image, time_limit, memory, output_limit, cpus, environment, params, inputs, tags,
                       note, queue, hold, priority, run_at, alarms, dry_run, at_most))
template <>
struct MemberDocs<ExperimentConfig> {
    static constexpr MemberDoc list[] = {
        {"device", "node/device; the only one there is when left out"},
        {"needs", "what the device must have instead; it is chosen when the experiment starts"},
        {"image", "what the script runs in: a name of GET /api/images; the hub's default when left out"},
        {"time_limit", "seconds, or text as '1h30m'; 1h when left out"},
        {"memory", "bytes, or text as '512m'; 512m when left out"},
        {"output_limit", "bytes of /app/output, or text as '1g'; 1g when left out"},
        {"cpus", "cores, 1 when left out"},
        {"environment", "variables for the script"},
        {"params",
         "what the script finds in labhub.params, as JSON in LABHUB_PARAMS, and each number, truth value or text in "
         "LABHUB_PARAM_NAME; up to 200 with 16 KiB of JSON in all"},
        {"inputs", "files the script finds in /app/input"},
        {"tags", "words to find it by, up to 32"},
        {"note", "text for people, up to 4096 bytes"},
        {"queue", "false: refuse when the device is leased; true (default): wait for it"},
        {"hold", "true: wait until it is released"},
        {"priority", "-100 to 100, 0 when left out: larger goes first, whoever's it is"},
        {"run_at",
         "not before this: milliseconds of UTC since 1970, or text as '2026-02-15T18:00:00+01:00' or '+2h'; "
         "at most a year ahead"},
        {"alarms", "what is watched while the experiment holds its device"},
        {"dry_run",
         "true: run the script against a simulated twin of the device, in the twin's time; the device is neither "
         "leased "
         "nor touched"},
        {"at_most", "of a dry run: look no further than this of the twin's time; seconds, or text as '8h'"}};
};

/// The device that `config` names, or what it needs instead; the only device there is where it says neither. Errors
/// malformed, not_found, conflict, too_large.
Result<void> apply_device(const Call& call, const ExperimentConfig& config, const Services& services,
                          jobs::Submission& submission);

/// Puts what `config` says into `submission`; what it leaves out stays as it is there. Parameters are merged: null
/// takes one out. Errors malformed, out_of_range, not_found, as of the members.
Result<void> apply_config(ExperimentConfig config, const Services& services, jobs::Submission& submission);

}  // namespace labhub::coordinator::api
