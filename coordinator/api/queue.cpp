// The queue as a whole: who is next, and pausing it for maintenance.
#include "coordinator/api/needs_body.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct Pause {
    std::string reason, who;
    std::int64_t since = 0;
};
BOOST_DESCRIBE_STRUCT(Pause, (), (reason, who, since))
struct InTheWay {
    std::string id, owner, device;
    std::int64_t from = 0, to = 0;
};
BOOST_DESCRIBE_STRUCT(InTheWay, (), (id, owner, device, from, to))
struct QueueEntry {
    std::string experiment_id, requested_by, device;
    NeedsView needs;
    int priority = 0;
    std::int64_t position = 0, queued_at = 0;
    std::optional<std::int64_t> run_at, expected_start;
    bool is_held = false;
    std::string waits_because;
    std::optional<InTheWay> reservation;
};
BOOST_DESCRIBE_STRUCT(QueueEntry, (),
                      (experiment_id, requested_by, device, needs, priority, position, queued_at, run_at,
                       expected_start, is_held, waits_because, reservation))
struct QueueReply {
    std::optional<Pause> paused;
    std::int64_t running = 0, running_bound = 0;
    std::vector<QueueEntry> waiting;
};
BOOST_DESCRIBE_STRUCT(QueueReply, (), (paused, running, running_bound, waiting))
}  // namespace
template <>
struct MemberDocs<QueueEntry> {
    static constexpr MemberDoc list[] = {{"device", "node/device; empty while it is not chosen"},
                                         {"queued_at", "milliseconds of UTC since 1970, as all times here"},
                                         {"reservation", "the one that holds it up; null: none does"}};
};
template <>
struct MemberDocs<QueueReply> {
    static constexpr MemberDoc list[] = {
        {"paused", "why nothing is started now, by whom, since when; null: things are"},
        {"running", "experiments that have their device"},
        {"running_bound", "how many may, at one time"},
        {"waiting", "in the order of their turns"}};
};
namespace {

std::optional<InTheWay> in_the_way(const reservations::Reservations& calendar, const std::string& id) {
    const auto found = calendar.kept().find(reservations::ReservationId{id});
    if (id.empty() || found == calendar.kept().end()) return std::nullopt;
    const auto& it = found->second;
    return InTheWay{it.id.value, it.owner, it.device.to_string(), it.from.count, it.to.count};
}

QueueEntry entry_of(const Services& services, const jobs::Job& job, const jobs::Engine::Turn& turn) {
    QueueEntry entry;
    entry.experiment_id = job.id.value;
    entry.requested_by = job.requested_by;
    entry.device = job.device_name();
    entry.needs = view_of(job.needs);
    entry.priority = job.priority;
    entry.position = static_cast<std::int64_t>(turn.place.position);
    entry.queued_at = job.created.count;
    if (job.not_before.count > 0) entry.run_at = job.not_before.count;
    if (turn.expected_start) entry.expected_start = turn.expected_start->count;
    entry.is_held = job.is_held;
    entry.waits_because = turn.place.why;
    entry.reservation = in_the_way(services.reservations, turn.place.reservation);
    return entry;
}

Task<Result<QueueReply>> get_queue(Services& services, Call, Nothing) {
    QueueReply reply;
    if (const auto& pause = services.jobs.queue_pause())
        reply.paused = Pause{pause->reason, pause->who, pause->since.count};
    reply.running = static_cast<std::int64_t>(services.jobs.running_count());
    reply.running_bound = static_cast<std::int64_t>(services.jobs.running_bound());
    for (const jobs::Job* job : services.jobs.list())
        if (const auto turn = services.jobs.turn_of(*job)) reply.waiting.push_back(entry_of(services, *job, *turn));
    std::sort(reply.waiting.begin(), reply.waiting.end(),
              [](const QueueEntry& a, const QueueEntry& b) { return a.position < b.position; });
    co_return reply;
}

struct PauseRequest {
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(PauseRequest, (), (reason))
struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> pause_queue(Services& services, Call call, PauseRequest request) {
    if (request.reason.empty() || request.reason.size() > 200) {
        Error wrong{ErrorCode::malformed, "'reason' must have 1 to 200 bytes", "say why, for those who wait"};
        co_return wrong;
    }
    auto paused = co_await services.jobs.pause_queue(std::move(request.reason), call.caller.principal());
    if (!paused) co_return std::move(paused).error();
    co_return MessageReply{"the queue is paused; what runs goes on"};
}

Task<Result<MessageReply>> resume_queue(Services& services, Call, Nothing) {
    auto resumed = co_await services.jobs.resume_queue();
    if (!resumed) co_return std::move(resumed).error();
    co_return MessageReply{"the queue goes on"};
}

Operation queue_row(std::string verb, std::string path, std::string id, std::string summary) {
    const bool is_a_look = verb == "GET";
    return Operation{std::move(verb),
                     "/api/queue" + path,
                     std::move(id),
                     "queue",
                     std::move(summary),
                     is_a_look ? Access::user : Access::admin,
                     {},
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_queue(std::vector<Operation>& list) {
    list.push_back(with_handler(queue_row("GET", "", "getQueue", "What waits, in which order, and why"), &get_queue));
    list.push_back(with_handler(
        queue_row("POST", "/pause", "pauseQueue", "Start nothing more, for maintenance; what runs goes on"),
        &pause_queue));
    list.push_back(with_handler(queue_row("POST", "/resume", "resumeQueue", "Start what waits again"), &resume_queue));
}

}  // namespace labhub::coordinator::api
