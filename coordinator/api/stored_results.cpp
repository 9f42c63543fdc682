// What results there are, how long they are kept, and their removal.
#include "coordinator/api/experiments.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/domain/jobs/results_retention.hpp"

namespace labhub::coordinator::api {
namespace {

struct StoredResultBody {
    std::string experiment_id, status, requested_by;
    std::optional<std::int64_t> ended_at, bytes;
    std::string keep;
    std::optional<std::int64_t> downloaded_at, goes_at;
    std::string why;
    std::optional<std::int64_t> removed_at;
};
BOOST_DESCRIBE_STRUCT(StoredResultBody, (),
                      (experiment_id, status, requested_by, ended_at, bytes, keep, downloaded_at, goes_at, why,
                       removed_at))
}  // namespace
template <>
struct MemberDocs<StoredResultBody> {
    static constexpr MemberDoc list[] = {{"bytes", "on the disk; null: not measured yet"},
                                         {"keep", "usual, until_downloaded or pinned"},
                                         {"downloaded_at", "when the zip was last sent to its end"},
                                         {"goes_at", "when its age removes it; null: never, or nobody knows yet"},
                                         {"why", "why it goes, stays or went, as what follows its name"},
                                         {"removed_at", "null: it is there"}};
};
namespace {

struct RetentionBody {
    std::int64_t keep_completed_ms = 0, keep_failed_ms = 0;
    bool keep_until_downloaded = false;
    std::int64_t min_free = 0, max_bytes = 0;
    std::int64_t results = 0, bytes = 0, free_bytes = 0;
    std::optional<std::int64_t> last_run;
    std::int64_t removed_by_last_run = 0, removed_since_start = 0;
    std::string problem;
};
BOOST_DESCRIBE_STRUCT(RetentionBody, (),
                      (keep_completed_ms, keep_failed_ms, keep_until_downloaded, min_free, max_bytes, results, bytes,
                       free_bytes, last_run, removed_by_last_run, removed_since_start, problem))
}  // namespace
template <>
struct MemberDocs<RetentionBody> {
    static constexpr MemberDoc list[] = {
        {"keep_completed_ms", "0: for ever"},
        {"keep_failed_ms", "of those that failed, were stopped or timed out"},
        {"min_free", "bytes of the disk that are to stay free; 0: no rule"},
        {"max_bytes", "of all results together; 0: no rule"},
        {"bytes", "of all results, as far as they are measured"},
        {"problem", "why the last run could not do what the rules say; empty: it did"}};
};
namespace {

struct StoredResultsReply {
    std::vector<StoredResultBody> results;
    std::optional<std::int64_t> next;
    std::int64_t total = 0;
    RetentionBody retention;
};
BOOST_DESCRIBE_STRUCT(StoredResultsReply, (), (results, next, total, retention))
}  // namespace
template <>
struct MemberDocs<StoredResultsReply> {
    static constexpr MemberDoc list[] = {{"results", "of experiments that have ended, the newest first"},
                                         {"next", "the offset of the next page; null: this was the last"},
                                         {"total", "how many there are on all pages"}};
};
namespace {

std::optional<std::int64_t> millis(const std::optional<UtcMillis>& time) {
    return time ? std::optional(time->count) : std::nullopt;
}

StoredResultBody describe(const jobs::Job& job, const jobs::RetentionRules& rules) {
    const auto outlook = jobs::outlook(job, rules);
    StoredResultBody shown;
    shown.experiment_id = job.id.value;
    shown.status = to_string(job.status);
    shown.requested_by = job.requested_by;
    shown.ended_at = millis(job.ended);
    shown.bytes = job.result_bytes;
    shown.keep = to_string(job.result.keep);
    shown.downloaded_at = millis(job.result.downloaded);
    shown.goes_at = millis(outlook.goes);
    shown.why = outlook.why;
    shown.removed_at = millis(job.result.removed);
    return shown;
}

RetentionBody describe(const jobs::Retention& retention) {
    const auto& rules = retention.rules();
    const auto& report = retention.report();
    RetentionBody shown;
    shown.keep_completed_ms = rules.keep_completed.count();
    shown.keep_failed_ms = rules.keep_failed.count();
    shown.keep_until_downloaded = rules.keep_until_downloaded;
    shown.min_free = rules.min_free;
    shown.max_bytes = rules.max_bytes;
    shown.results = report.results;
    shown.bytes = report.bytes;
    shown.free_bytes = report.free;
    shown.last_run = millis(report.last_run);
    shown.removed_by_last_run = report.removed;
    shown.removed_since_start = report.removed_total;
    shown.problem = report.problem;
    return shown;
}

Task<Result<StoredResultsReply>> list_results(Services& services, Call call, Nothing) {
    constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
    auto limit = query_integer(call, "limit", kAll, 1, 1'000);
    if (!limit) co_return std::move(limit).error();
    auto offset = query_integer(call, "offset", 0, 0, 1LL << 40);
    if (!offset) co_return std::move(offset).error();
    StoredResultsReply reply;
    for (const jobs::Job* job : services.jobs.list()) {
        if (!is_final(job->status)) continue;
        const std::int64_t place = reply.total++;
        if (place >= *offset && place - *offset < *limit)
            reply.results.push_back(describe(*job, services.retention.rules()));
    }
    const std::int64_t end = *offset + static_cast<std::int64_t>(reply.results.size());
    if (!reply.results.empty() && end < reply.total) reply.next = end;
    reply.retention = describe(services.retention);
    co_return reply;
}

struct KeepRequest {
    std::string keep;
};
BOOST_DESCRIBE_STRUCT(KeepRequest, (), (keep))
}  // namespace
template <>
struct MemberDocs<KeepRequest> {
    static constexpr MemberDoc list[] = {{"keep",
                                          "usual: as the hub's rules say; until_downloaded: its age counts only once "
                                          "it was fetched; pinned: until it is "
                                          "unpinned, whatever the rules say and a clean-up asks for"}};
};
namespace {

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> keep_results(Services& services, Call call, KeepRequest request) {
    auto keep = jobs::keep_from(request.keep);
    if (!keep) co_return std::move(keep).error();
    const std::string id = call.path["id"];
    JobId job{id};
    auto kept = co_await services.jobs.set_keep(std::move(job), *keep, call.caller.principal());
    if (!kept) co_return std::move(kept).error();
    const auto found = services.jobs.find(JobId{id});
    if (!found) co_return found.error();
    co_return MessageReply{"the result of experiment " + id + " " +
                           jobs::outlook(**found, services.retention.rules()).why};
}

}  // namespace

void add_stored_results(std::vector<Operation>& list) {
    list.push_back(with_handler(Operation{"GET",
                                          "/api/results",
                                          "listResults",
                                          "results",
                                          "What results there are, how large, and when they go and why",
                                          Access::user,
                                          {{"limit", "at most so many, 1 to 1000; all when left out"},
                                           {"offset", "leave out so many of the newest"}},
                                          {},
                                          {},
                                          "application/json",
                                          {}},
                                &list_results));
    Operation keep =
        experiment_row("POST", "/{id}/keep", "keepResults", "Say how long an experiment's results are kept");
    keep.tag = "results";
    list.push_back(with_handler(std::move(keep), &keep_results));
}

}  // namespace labhub::coordinator::api
