#pragma once

#include <optional>

#include <boost/json.hpp>

#include "coordinator/api/schema.hpp"
#include "coordinator/domain/accounts/accounts.hpp"

namespace labhub::coordinator::api {

/// Bounds as people write and read them.
struct QuotaBody {
    std::optional<boost::json::value> weight, max_running, max_queued, cpu_hours, cpu_window, stored_bytes,
        max_priority;
};
BOOST_DESCRIBE_STRUCT(QuotaBody, (),
                      (weight, max_running, max_queued, cpu_hours, cpu_window, stored_bytes, max_priority))
template <>
struct MemberDocs<QuotaBody> {
    static constexpr MemberDoc list[] = {
        {"weight",
         "share of the hub: of two with work waiting, weight 2 gets twice as much; 1 where nothing is said. "
         "For each of these: a number, 'none' for no bound, 'default' for what the role (of a user) or the "
         "hub (of a role) says; in an answer null where nothing of its own is said"},
        {"max_running", "experiments that run at one time; no bound where nothing is said"},
        {"max_queued", "experiments that wait at one time; no bound where nothing is said"},
        {"cpu_hours", "processor hours used within cpu_window; no bound where nothing is said"},
        {"cpu_window", "how far cpu_hours looks back, as '7d'; 30d where nothing is said"},
        {"stored_bytes", "bytes of results that are kept, or text as '10g'; no bound where nothing is said"},
        {"max_priority", "highest priority an experiment may have; 0 where nothing is said, 100 for administrators"}};
};

/// Errors malformed, out_of_range.
Result<accounts::BoundChanges> changes_of(const std::optional<QuotaBody>& quota);
/// What was said, and null for the rest.
QuotaBody body_of(const accounts::Bounds& bounds);
/// What holds, with "none" for no bound.
QuotaBody body_of(const accounts::Allowance& allowance);

}  // namespace labhub::coordinator::api
