#include "coordinator/store/job_request.hpp"

#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using jobs::Job;

boost::json::array encode_inputs(const std::vector<jobs::InputFile>& inputs) {
    boost::json::array list;
    for (const auto& input : inputs)
        list.push_back(boost::json::object{{"name", input.name}, {"size", input.size}, {"sha256", input.sha256}});
    return list;
}

Result<void> decode_inputs(const boost::json::object& object, Job& job) {
    const auto* const stored = object.if_contains("inputs");
    if (!stored || !stored->is_array()) return {};
    for (const auto& each : stored->get_array()) {
        const auto* const input = each.if_object();
        const auto* const name = input ? input->if_contains("name") : nullptr;
        const auto* const size = input ? input->if_contains("size") : nullptr;
        const auto* const sum = input ? input->if_contains("sha256") : nullptr;
        if (!name || !name->is_string() || !size || !size->is_int64() || !sum || !sum->is_string())
            return Error{ErrorCode::corrupt,
                         "a stored input file of job " + job.id.value + " has no name, size or sum"};
        job.inputs.push_back({std::string(name->get_string()), size->get_int64(), std::string(sum->get_string())});
    }
    return {};
}

Result<void> decode_alarms(const boost::json::object& object, Job& job) {
    const auto* const stored = object.if_contains("alarms");
    if (!stored || !stored->is_array()) return {};
    for (const auto& each : stored->get_array()) {
        if (!each.is_object())
            return Error{ErrorCode::corrupt, "a stored alarm of job " + job.id.value + " is not an object"};
        LABHUB_TRY(auto declared, alarms::experiment_alarm_from(each.get_object()));
        job.alarms.push_back(std::move(declared));
    }
    return {};
}

boost::json::value encode_dry_run(const Job& job) {
    if (!job.dry_run) return nullptr;
    return boost::json::object{{"limit_ms", job.dry_run->limit.count()},
                               {"time_limit_ms", job.dry_run->time_limit.count()},
                               {"has_time_limit", job.dry_run->has_time_limit}};
}

void decode_dry_run(const boost::json::object& request, Job& job) {
    const auto* const stored = request.if_contains("dry_run");
    if (!stored || !stored->is_object()) return;
    const auto& object = stored->get_object();
    const auto time = [&](const char* name) {
        const auto* const found = object.if_contains(name);
        return std::chrono::milliseconds{found && found->is_int64() ? found->get_int64() : 0};
    };
    jobs::DryRunLimits limits{time("limit_ms"), time("time_limit_ms"), false};
    const auto* const given = object.if_contains("has_time_limit");
    limits.has_time_limit = given && given->is_bool() && given->get_bool();
    job.dry_run = limits;
}

/// A job of before there were needs names its device.
Result<void> decode_needs(const boost::json::object& object, Job& job) {
    const auto* const stored = object.if_contains("needs");
    if (stored && stored->is_object()) {
        LABHUB_TRY(job.needs, jobs::needs_from(stored->get_object()));
    }
    if (job.needs.empty()) job.needs.devices = {job.device};
    return {};
}

}  // namespace

std::string encode_request(const Job& job) {
    boost::json::object environment;
    for (const auto& [name, value] : job.environment) environment[name] = value;
    boost::json::array declared;
    for (const auto& alarm : job.alarms) declared.push_back(alarms::to_json_object(alarm));
    return to_json(boost::json::object{{"memory_bytes", job.limits.memory_bytes},
                                       {"cpus", job.limits.cpus},
                                       {"pids", job.limits.pids},
                                       {"time_limit_ms", job.limits.time.count()},
                                       {"output_bytes", job.limits.output_bytes},
                                       {"log_bytes", job.limits.log_bytes},
                                       {"tmp_bytes", job.limits.tmp_bytes},
                                       {"image", job.image},
                                       {"image_digest", job.image_digest},
                                       {"python", job.python},
                                       {"dry_run", encode_dry_run(job)},
                                       {"needs", jobs::to_json_object(job.needs)},
                                       {"environment", std::move(environment)},
                                       {"alarms", std::move(declared)},
                                       {"params", job.params},
                                       {"inputs", encode_inputs(job.inputs)},
                                       {"restarted_from", job.restarted_from.value}});
}

Result<void> decode_request(std::string_view text, Job& job) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    if (!parsed.is_object())
        return Error{ErrorCode::corrupt, "the stored request of job " + job.id.value + " is not an object"};
    const auto& object = parsed.get_object();
    const auto whole = [&](std::string_view name, std::int64_t otherwise) {
        const auto* found = object.if_contains(name);
        return found && found->is_number() ? found->to_number<std::int64_t>() : otherwise;
    };
    job.limits.memory_bytes = whole("memory_bytes", job.limits.memory_bytes);
    job.limits.pids = whole("pids", job.limits.pids);
    job.limits.time = std::chrono::milliseconds{whole("time_limit_ms", job.limits.time.count())};
    job.limits.output_bytes = whole("output_bytes", job.limits.output_bytes);
    job.limits.log_bytes = whole("log_bytes", job.limits.log_bytes);
    job.limits.tmp_bytes = whole("tmp_bytes", job.limits.tmp_bytes);
    const auto word = [&](std::string_view name) {
        const auto* found = object.if_contains(name);
        return found && found->is_string() ? std::string(found->get_string()) : std::string{};
    };
    decode_dry_run(object, job);
    job.image = word("image");
    job.image_digest = word("image_digest");
    job.python = word("python");
    job.restarted_from = JobId{word("restarted_from")};
    if (const auto* params = object.if_contains("params"); params && params->is_object())
        job.params = params->get_object();
    if (const auto* cpus = object.if_contains("cpus"); cpus && cpus->is_number())
        job.limits.cpus = cpus->to_number<double>();
    if (const auto* environment = object.if_contains("environment"); environment && environment->is_object())
        for (const auto& entry : environment->get_object())
            if (entry.value().is_string()) job.environment.emplace(entry.key(), entry.value().get_string());
    LABHUB_CHECK(decode_inputs(object, job));
    LABHUB_CHECK(decode_needs(object, job));
    return decode_alarms(object, job);
}

}  // namespace labhub::coordinator::store
