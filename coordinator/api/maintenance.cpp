#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

struct CleanupReply {
    std::int64_t cleaned_count = 0;
};
BOOST_DESCRIBE_STRUCT(CleanupReply, (), (cleaned_count))

Task<Result<CleanupReply>> cleanup(Services& services, Call call, Nothing) {
    auto hours = query_integer(call, "max_age_hours", 24, 0, 24 * 365 * 10);
    if (!hours) co_return std::move(hours).error();
    auto removed = co_await services.jobs.remove_ended(std::chrono::milliseconds{*hours * kHourMs});
    if (!removed) co_return std::move(removed).error();
    co_return CleanupReply{static_cast<std::int64_t>(*removed)};
}

}  // namespace

void add_maintenance(std::vector<Operation>& list) {
    list.push_back(
        with_handler(Operation{"POST",
                               "/api/maintenance/cleanup",
                               "cleanUp",
                               "maintenance",
                               "Delete ended experiments with their results and records, but pinned ones",
                               Access::admin,
                               {{"max_age_hours", "those that ended longer ago than this; 24 when left out"}},
                               {},
                               {},
                               "application/json",
                               {}},
                     &cleanup));
}

}  // namespace labhub::coordinator::api
