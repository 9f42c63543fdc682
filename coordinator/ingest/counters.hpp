#pragma once

#include <cstdint>

namespace labhub::coordinator::ingest {

/// What has been seen since the start.
struct Counters {
    std::uint64_t messages = 0;             ///< MQTT messages received in the group
    std::uint64_t readings = 0;             ///< handed to the sink
    std::uint64_t malformed = 0;            ///< wrong topics, payloads that can't be decoded
    std::uint64_t gaps = 0;                 ///< missing seq numbers that did not arrive in time
    std::uint64_t before_birth = 0;         ///< data of a node or device that was not born in this session
    std::uint64_t unknown_metrics = 0;      ///< metrics the birth didn't name
    std::uint64_t unsupported_metrics = 0;  ///< metrics with a type or name we don't take
    std::uint64_t refused_retained = 0;     ///< retained N* and D* messages
    std::uint64_t refused_deaths = 0;       ///< NDEATH with another bdSeq than the session's
    std::uint64_t refused_times = 0;        ///< readings stamped before 2000 or more than a day ahead
    std::uint64_t type_changes = 0;         ///< metrics whose values or birth came with another type than before
    std::uint64_t impostors = 0;            ///< births under a node's name by somebody who seems to be another
    std::uint64_t rebirths_requested = 0;
    std::uint64_t broker_connections = 0;
    std::uint64_t given_up_values = 0;  ///< values and messages left out because no birth put them right
    std::uint64_t forgotten_nodes = 0;  ///< sessions of nodes not enrolled that made room for others
    std::uint64_t crowded_waits = 0;    ///< waits for a missing message ended early, as too many bytes waited behind it
    std::uint64_t reading_pauses = 0;   ///< times the broker's socket was not read, as too much waited to be taken in
    // As it is now.
    std::uint64_t given_up = 0;    ///< metrics, devices and kinds of message that are left out
    std::uint64_t nodes = 0;       ///< sessions kept
    std::uint64_t held_bytes = 0;  ///< of messages that came before their turn
};

}  // namespace labhub::coordinator::ingest
