#pragma once

#include <functional>
#include <string>

#include "coordinator/cli/context.hpp"
#include "coordinator/cli/event_stream.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct HubStream {
    std::string target;    ///< encoded path and query
    std::string last_id;   ///< go on after this event; empty: as the hub begins
    bool has_end = false;  ///< the hub ends it when there is no more; else it is opened again
};

/// Gives `event` what comes, until it returns false or the stream has ended. A hub that goes away in between is waited
/// for: the stream goes on after the last event. Errors: the hub's refusal, or unavailable when it could not be reached
/// in the first place.
Task<Result<void>> follow_stream(Context& context, HubStream stream,
                                 std::function<bool(const EventStream::Event&)> event);

}  // namespace labhub::cli
