#pragma once

#include <cstdint>

#include "shared/base/result.hpp"

namespace labhub::agent::fleet {

/// Raises the process's limit of open files so that `nodes` nodes can be connected: each takes four descriptors (the
/// socket, libmosquitto's pair, Asio's copy of the socket), more while it connects. Error too_many says how many nodes
/// the limit allows.
Result<void> make_room_for(std::uint32_t nodes);

}  // namespace labhub::agent::fleet
