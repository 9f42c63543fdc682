#include "coordinator/api/experiment_request.hpp"

#include "coordinator/api/request_values.hpp"
#include "coordinator/domain/jobs/params.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

/// Text, or a number, as text; `into` stays as it is where nothing was given.
Result<void> take_text(std::string_view name, const std::optional<json::value>& given,
                       std::optional<std::string>& into) {
    if (!given) return {};
    LABHUB_TRY(into, number_or_text("config." + std::string(name), *given));
    return {};
}

template <class T>
void take(std::optional<T>& given, std::optional<T>& into) {
    if (given) into = std::move(given);
}

template <class T>
void take(std::optional<T>& given, T& into) {
    if (given) into = std::move(*given);
}

Result<void> take_limits(ExperimentConfig& config, jobs::Submission& submission) {
    LABHUB_CHECK(take_text("time_limit", config.time_limit, submission.time_limit));
    LABHUB_CHECK(take_text("memory", config.memory, submission.memory));
    LABHUB_CHECK(take_text("output_limit", config.output_limit, submission.output_limit));
    take(config.cpus, submission.cpus);
    return {};
}

Result<void> take_turn(ExperimentConfig& config, const Services& services, jobs::Submission& submission) {
    take(config.queue, submission.queue);
    take(config.hold, submission.hold);
    take(config.priority, submission.priority);
    std::optional<std::string> run_at;
    LABHUB_CHECK(take_text("run_at", config.run_at, run_at));
    if (!run_at) return {};
    LABHUB_TRY(submission.run_at, telemetry::parse_time("config.run_at", *run_at, services.clock.utc_now()));
    return {};
}

Result<void> take_dry_run(ExperimentConfig& config, jobs::Submission& submission) {
    take(config.dry_run, submission.dry_run);
    // A dry run that is started again as an experiment.
    if (!submission.dry_run && !config.at_most) submission.at_most.reset();
    return take_text("at_most", config.at_most, submission.at_most);
}

void take_data(ExperimentConfig& config, jobs::Submission& submission) {
    take(config.environment, submission.environment);
    take(config.tags, submission.labels.tags);
    take(config.note, submission.labels.note);
    if (config.inputs) {
        submission.inputs.clear();
        for (auto& input : *config.inputs)
            submission.inputs.push_back({std::move(input.name), 0, std::move(input.sha256)});
    }
    if (!config.params) return;
    json::object changes;
    for (auto& [name, value] : *config.params) changes[name] = std::move(value);
    submission.params = jobs::changed_params(std::move(submission.params), changes);
}

}  // namespace

Result<void> apply_device(const Call& call, const ExperimentConfig& config, const Services& services,
                          jobs::Submission& submission) {
    submission.device = {};
    submission.needs = {};
    if (!config.needs) {
        LABHUB_TRY(submission.device, device_of(call, services, config.device));
        return {};
    }
    const auto query = call.request.query_value("device");
    const auto named = config.device || !query ? config.device : std::optional<std::string>(*query);
    LABHUB_TRY(submission.needs, needs_of(*config.needs, named));
    return {};
}

Result<void> apply_config(ExperimentConfig config, const Services& services, jobs::Submission& submission) {
    take(config.image, submission.image);
    LABHUB_CHECK(take_limits(config, submission));
    LABHUB_CHECK(take_turn(config, services, submission));
    LABHUB_CHECK(take_dry_run(config, submission));
    take_data(config, submission);
    if (config.alarms) {
        LABHUB_TRY(submission.alarms, declared_from(std::move(*config.alarms), services.alarms.settings()));
    }
    return services.alarms.check_declared(submission.device, submission.alarms);
}

}  // namespace labhub::coordinator::api
