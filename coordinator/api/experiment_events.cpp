// What happened to an experiment, what people note of it, and holding it back.
#include "coordinator/api/experiments.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::int64_t kMostEvents = 1'000;

struct EventBody {
    std::int64_t number = 0, time = 0;
    std::string kind, who, message;
};
BOOST_DESCRIBE_STRUCT(EventBody, (), (number, time, kind, who, message))
struct EventsReply {
    std::vector<EventBody> events;
};
BOOST_DESCRIBE_STRUCT(EventsReply, (), (events))
}  // namespace
template <>
struct MemberDocs<EventBody> {
    static constexpr MemberDoc list[] = {{"number", "rising; ask with after=NUMBER for what came since"},
                                         {"kind", "a status, held, released or note"},
                                         {"who", "user:NAME or job:ID; empty: the hub itself"}};
};
namespace {

/// A script may see and note its own experiment, no other.
Result<JobId> job_of(const Call& call) {
    JobId id{call.path.at("id")};
    if (call.caller.kind == Caller::Kind::job && id != call.caller.job)
        return Error{ErrorCode::forbidden, "experiment '" + printable(id.value, 64) + "' is not this script's own",
                     "its own is " + call.caller.job.value};
    return id;
}

Task<Result<EventsReply>> get_events(Services& services, Call call, Nothing) {
    auto id = job_of(call);
    if (!id) co_return std::move(id).error();
    auto after = query_integer(call, "after", 0, 0, std::numeric_limits<std::int64_t>::max());
    if (!after) co_return std::move(after).error();
    auto limit = query_integer(call, "limit", kMostEvents, 1, kMostEvents);
    if (!limit) co_return std::move(limit).error();
    auto found = co_await services.jobs.events(std::move(*id), *after, *limit);
    if (!found) co_return std::move(found).error();
    EventsReply reply;
    for (auto& each : *found)
        reply.events.push_back(
            {each.number, each.time.count, std::move(each.kind), std::move(each.who), std::move(each.message)});
    co_return reply;
}

struct NoteRequest {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(NoteRequest, (), (text))
struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> add_note(Services& services, Call call, NoteRequest request) {
    auto id = job_of(call);
    if (!id) co_return std::move(id).error();
    auto added = co_await services.jobs.add_note(*id, std::move(request.text), call.caller.principal());
    if (!added) co_return std::move(added).error();
    co_return MessageReply{"noted"};
}

Task<Result<MessageReply>> set_held(Services& services, Call call, bool is_held) {
    const std::string id = call.path["id"];
    JobId job{id};
    auto done = co_await services.jobs.set_held(std::move(job), is_held, call.caller.principal());
    if (!done) co_return std::move(done).error();
    co_return MessageReply{"experiment " + id + (is_held ? " is held" : " is released")};
}

Task<Result<MessageReply>> hold(Services& services, Call call, Nothing) {
    return set_held(services, std::move(call), true);
}

Task<Result<MessageReply>> release(Services& services, Call call, Nothing) {
    return set_held(services, std::move(call), false);
}

}  // namespace

void add_experiment_events(std::vector<Operation>& list) {
    Operation events =
        experiment_row("GET", "/{id}/events", "getEvents", "What happened to an experiment, oldest first",
                       {{"after", "only events with a larger number"}, {"limit", "at most so many"}});
    events.access = Access::user_or_job;
    list.push_back(with_handler(std::move(events), &get_events));
    Operation note =
        experiment_row("POST", "/{id}/notes", "addNote", "Note something about an experiment, at its time");
    note.access = Access::user_or_job;
    list.push_back(with_handler(std::move(note), &add_note));
    list.push_back(with_handler(experiment_row("POST", "/{id}/hold", "holdExperiment",
                                               "Keep a queued experiment from starting until it is released"),
                                &hold));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/release", "releaseExperiment", "Let a held experiment start"), &release));
}

}  // namespace labhub::coordinator::api
