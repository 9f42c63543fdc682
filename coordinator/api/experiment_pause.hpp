#pragma once

#include <optional>
#include <string>

#include "coordinator/api/schema.hpp"
#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::api {

/// A stretch of time for which an experiment's script was, or is, frozen.
struct PauseBody {
    std::int64_t since = 0;
    std::optional<std::int64_t> until;
    std::string actuators, who, reason;
};
BOOST_DESCRIBE_STRUCT(PauseBody, (), (since, until, actuators, who, reason))
template <>
struct MemberDocs<PauseBody> {
    static constexpr MemberDoc list[] = {
        {"until", "null: it lasts"},
        {"actuators", "hold: the setpoints stay; safe: the vessel was put to its safe values"},
        {"who", "user:NAME"},
        {"reason", "as it was given; empty: none was"}};
};

PauseBody describe(const jobs::Pause& pause);
/// The pause a running job is in.
std::optional<PauseBody> present_pause_of(const jobs::Job& job);

}  // namespace labhub::coordinator::api
