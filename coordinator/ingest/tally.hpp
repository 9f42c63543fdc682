#pragma once

#include <atomic>
#include <cstdint>

#include "coordinator/ingest/counters.hpp"
#include "coordinator/ingest/log_budget.hpp"

namespace labhub::coordinator::ingest {

/// The ingest's counters: written by its thread, read from any. Each is right by itself; a snapshot may be a message
/// apart between two of them.
struct Tally {
    using Count = std::atomic<std::uint64_t>;
    Count messages{0}, readings{0}, malformed{0}, gaps{0}, before_birth{0}, unknown_metrics{0}, unsupported_metrics{0},
        refused_retained{0}, refused_deaths{0}, refused_times{0}, type_changes{0}, impostors{0}, rebirths_requested{0},
        broker_connections{0}, given_up_values{0}, forgotten_nodes{0}, crowded_waits{0}, reading_pauses{0};
    // What strangers can make us keep; each has a bound.
    Count nodes{0};           ///< sessions
    Count known_metrics{0};   ///< of all nodes and devices that are born now
    Count known_bytes{0};     ///< the same: names, units and descriptions
    Count former_metrics{0};  ///< of devices that were, whose types are remembered
    Count held_bytes{0};      ///< of messages that came before their turn
    Count defects{0};         ///< of all nodes, found or given up
    Count given_up{0};        ///< of these, given up
    LogBudget log_budget;     ///< on the ingest's thread only

    Counters snapshot() const {
        Counters now;
        now.messages = messages;
        now.readings = readings;
        now.malformed = malformed;
        now.gaps = gaps;
        now.before_birth = before_birth;
        now.unknown_metrics = unknown_metrics;
        now.unsupported_metrics = unsupported_metrics;
        now.refused_retained = refused_retained;
        now.refused_deaths = refused_deaths;
        now.refused_times = refused_times;
        now.type_changes = type_changes;
        now.impostors = impostors;
        now.rebirths_requested = rebirths_requested;
        now.broker_connections = broker_connections;
        now.given_up_values = given_up_values;
        now.forgotten_nodes = forgotten_nodes;
        now.crowded_waits = crowded_waits;
        now.reading_pauses = reading_pauses;
        now.given_up = given_up;
        now.nodes = nodes;
        now.held_bytes = held_bytes;
        return now;
    }
};

}  // namespace labhub::coordinator::ingest
