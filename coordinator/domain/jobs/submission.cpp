#include "coordinator/domain/jobs/submission.hpp"

#include <charconv>

#include "coordinator/domain/jobs/inputs.hpp"
#include "coordinator/domain/jobs/labels.hpp"
#include "coordinator/domain/jobs/params.hpp"
#include "coordinator/domain/jobs/script_check.hpp"
#include "shared/base/random.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

constexpr std::int64_t kMiB = 1LL << 20;
constexpr std::chrono::hours kMaxTime{24 * 90};
constexpr int kMostPriority = 100;
constexpr std::chrono::hours kFurthestStart{24 * 366};
constexpr std::size_t kMaxEnvironmentBytes = 32 * 1024;

Result<void> check_between(std::string_view what, std::int64_t value, std::int64_t low, std::int64_t high,
                           std::string range) {
    if (value >= low && value <= high) return {};
    return Error{ErrorCode::out_of_range, std::string(what) + " is out of range", "allowed: " + std::move(range)};
}

Result<void> set_limits(const Submission& submission, Limits& limits) {
    if (submission.time_limit) {
        LABHUB_TRY(limits.time, parse_duration(*submission.time_limit));
        LABHUB_CHECK(check_between("time_limit", limits.time.count(), 1000, std::chrono::milliseconds{kMaxTime}.count(),
                                   "1s to 90d"));
    }
    if (submission.memory) {
        LABHUB_TRY(limits.memory_bytes, parse_bytes(*submission.memory));
        LABHUB_CHECK(check_between("memory", limits.memory_bytes, 32 * kMiB, 1024 * 1024 * kMiB, "32m to 1024g"));
    }
    if (submission.output_limit) {
        LABHUB_TRY(limits.output_bytes, parse_bytes(*submission.output_limit));
        LABHUB_CHECK(check_between("output_limit", limits.output_bytes, kMiB, 1024 * 1024 * kMiB, "1m to 1024g"));
    }
    if (submission.cpus) {
        if (!(*submission.cpus >= 0.05 && *submission.cpus <= 256))
            return Error{ErrorCode::out_of_range, "cpus is out of range", "allowed: 0.05 to 256"};
        limits.cpus = *submission.cpus;
    }
    return {};
}

/// What a dry run may take of real time: minutes, however long it is of its own.
constexpr std::chrono::minutes kDryRunTime{10};

Result<void> set_dry_run(const Submission& submission, Job& job) {
    if (submission.at_most && !submission.dry_run)
        return Error{ErrorCode::malformed, "at_most is for a dry run", "time_limit bounds an experiment"};
    if (!submission.dry_run) return {};
    DryRunLimits limits;
    limits.time_limit = limits.limit = job.limits.time;
    limits.has_time_limit = submission.time_limit.has_value();
    if (submission.at_most) {
        LABHUB_TRY(limits.limit, parse_duration(*submission.at_most));
        LABHUB_CHECK(check_between("at_most", limits.limit.count(), 1000, std::chrono::milliseconds{kMaxTime}.count(),
                                   "1s to 90d"));
        if (limits.has_time_limit) limits.limit = std::min(limits.limit, limits.time_limit);
    }
    job.dry_run = limits;
    job.limits.time = kDryRunTime;
    return {};
}

bool is_variable_name(std::string_view name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
    for (const char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    return true;
}

Result<void> check_environment(const std::map<std::string, std::string>& environment) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : environment) {
        if (!is_variable_name(name))
            return Error{ErrorCode::malformed, "environment: '" + printable(name, 64) + "' is not a variable name",
                         "letters, digits and '_', not beginning with a digit"};
        if (value.find('\0') != std::string::npos)
            return Error{ErrorCode::malformed, "environment: the value of " + name + " has a NUL byte"};
        bytes += name.size() + value.size() + 2;
    }
    if (bytes > kMaxEnvironmentBytes)
        return Error{ErrorCode::too_large, "the environment has " + std::to_string(bytes) + " bytes", "at most 32768"};
    return {};
}

Result<void> set_turn(const Submission& submission, UtcMillis now, Job& job) {
    job.priority = submission.priority.value_or(0);
    if (job.priority < -kMostPriority || job.priority > kMostPriority)
        return Error{ErrorCode::out_of_range, "the priority " + std::to_string(job.priority) + " is out of range",
                     "-100 to 100; 0 is the usual one"};
    if (submission.run_at && *submission.run_at > now + kFurthestStart)
        return Error{ErrorCode::out_of_range, "run_at " + to_rfc3339(*submission.run_at) + " is too far ahead",
                     "at most a year from now"};
    job.not_before = submission.run_at.value_or(UtcMillis{});
    job.is_held = submission.hold;
    if (!submission.queue && (submission.hold || job.not_before > now))
        return Error{ErrorCode::malformed, "queue:false starts at once or not at all",
                     "leave it out to hold the experiment or to run it later"};
    return {};
}

/// What is watched must be there to be watched.
Result<void> set_needs(const Submission& submission, Job& job) {
    job.needs = submission.needs;
    if (job.needs.empty()) {
        job.needs.devices = {submission.device};
    } else {
        for (const auto& alarm : submission.alarms)
            if (alarm.rule.empty()) job.needs.metrics.push_back(alarm.metric);
    }
    LABHUB_CHECK(check_needs(job.needs));
    job.give_up_device();
    return {};
}

}  // namespace

Result<std::int64_t> parse_bytes(std::string_view text) {
    const Error wrong{ErrorCode::malformed, "'" + printable(text, 64) + "' is not a size",
                      "write it as 512m, 2g, 64k or a number of bytes"};
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [after, failure] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (failure != std::errc{} || number < 0) return wrong;
    std::string_view unit(after, static_cast<std::size_t>(end - after));
    constexpr std::string_view kUnits = "kmgt";
    double factor = 1;
    if (!unit.empty()) {
        const auto at = kUnits.find(static_cast<char>(unit[0] | 0x20));
        const std::string_view rest = unit.substr(1);
        if (at == std::string_view::npos ||
            !(rest.empty() || rest == "b" || rest == "B" || rest == "iB" || rest == "ib"))
            return wrong;
        for (std::size_t i = 0; i <= at; ++i) factor *= 1024;
    }
    const double bytes = number * factor;
    if (bytes > 1e18) return Error{ErrorCode::out_of_range, "'" + std::string(text) + "' is too many bytes"};
    return static_cast<std::int64_t>(bytes);
}

Submission submission_of(const Job& job) {
    Submission again;
    if (job.needs.names_its_device())
        again.device = job.needs.devices.front();
    else
        again.needs = job.needs;
    again.time_limit = std::to_string(job.limits.time.count()) + "ms";
    if (job.dry_run) {
        again.dry_run = true;
        again.at_most = std::to_string(job.dry_run->limit.count()) + "ms";
        again.time_limit.reset();
        if (job.dry_run->has_time_limit) again.time_limit = std::to_string(job.dry_run->time_limit.count()) + "ms";
    }
    again.memory = std::to_string(job.limits.memory_bytes);
    again.output_limit = std::to_string(job.limits.output_bytes);
    again.cpus = job.limits.cpus;
    again.environment = job.environment;
    again.alarms = job.alarms;
    if (!job.image.empty()) again.image = job.image;
    again.priority = job.priority;
    again.params = job.params;
    again.inputs = job.inputs;
    again.labels.tags = job.labels.tags;
    again.restarted_from = job.id;
    return again;
}

Result<Job> make_job(Submission submission, UtcMillis now) {
    LABHUB_CHECK(check_script_text(submission.script));
    Job job;
    if (submission.id) {
        LABHUB_CHECK(check_name("experiment_id", *submission.id));
    }
    LABHUB_CHECK(set_limits(submission, job.limits));
    LABHUB_CHECK(set_dry_run(submission, job));
    LABHUB_CHECK(check_environment(submission.environment));
    LABHUB_CHECK(check_params(submission.params));
    LABHUB_CHECK(check_no_clash(submission.params, submission.environment));
    LABHUB_CHECK(check_input_names(submission.inputs));
    LABHUB_TRY(job.labels, checked_labels(std::move(submission.labels)));
    LABHUB_CHECK(set_turn(submission, now, job));
    LABHUB_CHECK(set_needs(submission, job));
    job.id = JobId{submission.id ? *submission.id : new_id()};
    job.requested_by = std::move(submission.requested_by);
    job.script = std::move(submission.script);
    job.environment = std::move(submission.environment);
    job.alarms = std::move(submission.alarms);
    job.params = std::move(submission.params);
    job.inputs = std::move(submission.inputs);
    job.restarted_from = std::move(submission.restarted_from);
    job.secret = random_hex(16);
    job.created = now;
    return job;
}

}  // namespace labhub::coordinator::jobs
