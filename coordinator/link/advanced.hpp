#pragma once

#include <vector>

#include "coordinator/link/node_link.hpp"
#include "shared/proto/agent_rpc.pb.h"

namespace labhub::coordinator::link {

/// What a twin lived through while its time went on.
struct Advanced {
    UtcMillis now;
    UtcMillis next_sample;                      ///< when something is measured again
    std::vector<std::vector<Reading>> batches;  ///< in order
    rpc::AdvanceReply rest;                     ///< its events and states
};

}  // namespace labhub::coordinator::link
