// Pausing experiments, and what a script may know of it.
#include "coordinator/api/experiment_pause.hpp"

#include "coordinator/api/experiments.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {

PauseBody describe(const jobs::Pause& pause) {
    PauseBody shown;
    shown.since = pause.since.count;
    if (pause.until) shown.until = pause.until->count;
    shown.actuators = to_string(pause.actuators);
    shown.who = pause.who;
    shown.reason = pause.reason;
    return shown;
}

std::optional<PauseBody> present_pause_of(const jobs::Job& job) {
    const jobs::Pause* const present = jobs::present_pause(job.pauses);
    if (!present || job.status != jobs::Status::running) return std::nullopt;
    return describe(*present);
}

namespace {

struct PauseRequestBody {
    std::string actuators;
    std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(PauseRequestBody, (), (actuators, reason))
}  // namespace
template <>
struct MemberDocs<PauseRequestBody> {
    static constexpr MemberDoc list[] = {
        {"actuators",
         "hold: every setpoint stays as the script left it, pumps run on; safe: every actuator goes to its "
         "safe value, and it is the script that puts it back"},
        {"reason", "for those who look, at most 200 bytes"}};
};
namespace {

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> pause(Services& services, Call call, PauseRequestBody body) {
    auto actuators = jobs::actuators_from(body.actuators);
    if (!actuators) co_return std::move(actuators).error();
    const std::string id = call.path["id"];
    JobId job{id};
    jobs::Engine::PauseRequest request;
    request.actuators = *actuators;
    request.who = call.caller.principal();
    request.reason = std::move(body.reason).value_or("");
    auto paused = co_await services.jobs.pause_job(std::move(job), std::move(request));
    if (!paused) co_return std::move(paused).error();
    const std::string vessel = *actuators == jobs::Actuators::safe ? "its vessel is safe" : "its setpoints stay";
    co_return MessageReply{"experiment " + id + " is paused; " + vessel};
}

Task<Result<MessageReply>> resume(Services& services, Call call, Nothing) {
    const std::string id = call.path["id"];
    JobId job{id};
    auto resumed = co_await services.jobs.resume_job(std::move(job), call.caller.principal());
    if (!resumed) co_return std::move(resumed).error();
    co_return MessageReply{"experiment " + id + " goes on"};
}

struct PausesReply {
    bool is_paused = false;
    std::int64_t paused_ms = 0;
    std::vector<PauseBody> pauses;
};
BOOST_DESCRIBE_STRUCT(PausesReply, (), (is_paused, paused_ms, pauses))
}  // namespace
template <>
struct MemberDocs<PausesReply> {
    static constexpr MemberDoc list[] = {{"is_paused", "its script is frozen now, or is about to be"},
                                         {"paused_ms", "by all pauses together, to now where one lasts"},
                                         {"pauses", "oldest first"}};
};
namespace {

Task<Result<PausesReply>> get_pauses(Services& services, Call call, Nothing) {
    auto id = job_of(call);
    if (!id) co_return std::move(id).error();
    auto job = services.jobs.find(*id);
    if (!job) co_return std::move(job).error();
    PausesReply reply;
    reply.is_paused = present_pause_of(**job).has_value();
    reply.paused_ms = jobs::paused_for((*job)->pauses, services.clock.utc_now()).count();
    for (const auto& each : (*job)->pauses) reply.pauses.push_back(describe(each));
    co_return reply;
}

}  // namespace

void add_experiment_pause(std::vector<Operation>& list) {
    list.push_back(with_handler(experiment_row("POST", "/{id}/pause", "pauseExperiment",
                                               "Freeze a running experiment's script; its time limit stands still"),
                                &pause));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/resume", "resumeExperiment", "Let a paused experiment go on"), &resume));
    Operation look = experiment_row("GET", "/{id}/pauses", "getPauses", "When an experiment was paused, and how");
    look.access = Access::user_or_job;
    list.push_back(with_handler(std::move(look), &get_pauses));
}

}  // namespace labhub::coordinator::api
