// What happened to an experiment, what people note of it, and holding it back.
#include <charconv>

#include "coordinator/api/event_stream.hpp"
#include "coordinator/api/experiments.hpp"
#include "coordinator/api/operations.hpp"
#include "shared/base/text.hpp"

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
    static constexpr MemberDoc list[] = {
        {"number", "rising; ask with after=NUMBER for what came since"},
        {"kind",
         "a status, held, released, paused, resumed, kept, results_removed, note, labelled (tags or note changed), "
         "restarted (another one was started after it), alarm (of its device) or "
         "command_refused"},
        {"who", "user:NAME or job:ID; empty: the hub itself"}};
};
/// Who may see whose record: a script its own experiment's, a person everybody's.
Result<JobId> job_of(const Call& call) {
    JobId id{call.path.at("id")};
    if (call.caller.kind == Caller::Kind::job && id != call.caller.job)
        return Error{ErrorCode::forbidden, "experiment '" + printable(id.value, 64) + "' is not this script's own",
                     "its own is " + call.caller.job.value};
    return id;
}

namespace {

EventBody body_of(jobs::Event event) {
    return {event.number, event.time.count, std::move(event.kind), std::move(event.who), std::move(event.message)};
}

/// The events of one experiment, those of the past first; ends after the one that ends it.
class JobEvents final : public EventSource {
  public:
    JobEvents(Services& services, JobId job, std::int64_t after, std::unique_ptr<jobs::Follower> follower)
        : services_(services), job_(std::move(job)), after_(after), follower_(std::move(follower)) {}

    Task<Result<std::string>> take() override {
        // Before the look: what comes after it is seen by the next one.
        const auto job = services_.jobs.find(job_);
        const bool was_over = !job || is_final((*job)->status);
        auto found = co_await services_.jobs.events(job_, after_, kEventsAtOnce);
        if (!found && found.error().code != ErrorCode::not_found) co_return std::move(found).error();
        std::string text;
        const std::size_t count = found ? found->size() : 0;
        for (std::size_t i = 0; i < count; ++i) text += text_of(std::move((*found)[i]));
        if (count < kEventsAtOnce) has_ended_ = was_over || has_told_end_;
        co_return text;
    }
    Task<void> wait(std::chrono::milliseconds limit) override { return follower_->wait(limit); }
    bool has_ended() const override { return has_ended_; }

  private:
    static constexpr std::size_t kEventsAtOnce = 256;

    std::string text_of(jobs::Event event) {
        after_ = event.number;
        const auto status = jobs::status_from(event.kind);
        has_told_end_ = has_told_end_ || (status && is_final(*status));
        const std::string kind = event.kind;
        return event_text(std::to_string(after_), kind, encode(body_of(std::move(event))).as_object());
    }

    Services& services_;
    const JobId job_;
    std::int64_t after_;
    std::unique_ptr<jobs::Follower> follower_;
    bool has_told_end_ = false, has_ended_ = false;
};

Result<http::Response> stream_events(Services& services, const Call& call, JobId id, std::int64_t after) {
    if (const auto last = last_event_id(call.request)) {
        const auto [end, failure] = std::from_chars(last->data(), last->data() + last->size(), after);
        if (failure != std::errc{} || end != last->data() + last->size() || after < 0)
            return Error{ErrorCode::malformed, "Last-Event-ID: " + printable(*last, 60) + " is no event's number",
                         "send back the last id as it came, or none to begin with the first"};
    }
    LABHUB_CHECK(services.jobs.find(id));
    LABHUB_TRY(auto follower, services.jobs.followers().open(id, call.caller.principal()));
    return event_stream(std::make_shared<JobEvents>(services, std::move(id), after, std::move(follower)));
}

Task<Result<http::Response>> get_events(Services& services, Call call, Nothing) {
    auto id = job_of(call);
    if (!id) co_return std::move(id).error();
    auto after = query_integer(call, "after", 0, 0, std::numeric_limits<std::int64_t>::max());
    if (!after) co_return std::move(after).error();
    auto limit = query_integer(call, "limit", kMostEvents, 1, kMostEvents);
    if (!limit) co_return std::move(limit).error();
    if (wants_event_stream(call.request)) co_return stream_events(services, call, std::move(*id), *after);
    auto found = co_await services.jobs.events(std::move(*id), *after, *limit);
    if (!found) co_return std::move(found).error();
    EventsReply reply;
    for (auto& each : *found) reply.events.push_back(body_of(std::move(each)));
    co_return success(encode(reply));
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
    JobId id{call.path["id"]};
    auto added = co_await services.jobs.add_note(std::move(id), std::move(request.text), call.caller.principal());
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
    Operation events = experiment_row(
        "GET", "/{id}/events", "getEvents",
        "What happened to an experiment, oldest first. With 'Accept: text/event-stream' as server-sent events, "
        "from the first (or the one after Last-Event-ID) to its end",
        {{"after", "only events with a larger number"}, {"limit", "at most so many"}});
    events.access = Access::user_or_job;
    events.response_schema = schema<EventsReply>();
    list.push_back(with_handler(std::move(events), &get_events));
    Operation note =
        experiment_row("POST", "/{id}/notes", "addNote", "Note something about an experiment, at its time");
    note.access = Access::owner_or_job;
    list.push_back(with_handler(std::move(note), &add_note));
    list.push_back(with_handler(experiment_row("POST", "/{id}/hold", "holdExperiment",
                                               "Keep a queued experiment from starting until it is released"),
                                &hold));
    list.push_back(with_handler(
        experiment_row("POST", "/{id}/release", "releaseExperiment", "Let a held experiment start"), &release));
}

}  // namespace labhub::coordinator::api
