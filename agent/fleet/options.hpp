#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace labhub::agent::fleet {

/// What `labhub-agent --simulate-fleet` was asked for.
struct Options {
    std::uint32_t nodes = 0;
    std::uint32_t first = 1;     ///< the number of the first node: fleet-00001. Several processes can share a fleet
    std::uint32_t metrics = 10;  ///< of each node's one device
    double rate_hz = 1;          ///< samples of all metrics a second
    std::uint64_t seed = 1;      ///< same seed, same values

    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::string username;
    std::filesystem::path password_file;  ///< empty: no password
    std::string group = "labhub";
    std::string primary_host = "labhub";
    std::string host_key;  ///< what the births say the SSH host key's fingerprint is, though there is no SSH server
    std::chrono::milliseconds keepalive{30'000};

    std::chrono::milliseconds ramp{5'000};          ///< over which the nodes start, spread evenly
    std::chrono::milliseconds duration{0};          ///< of sampling, counted from the start; 0: until a signal
    std::chrono::milliseconds drain{15'000};        ///< then so long is waited for the host to acknowledge the rest
    std::uint64_t spool_bytes = 8u << 20;           ///< of each node, in memory
    std::uint32_t replay_messages_per_second = 50;  ///< of each node
    std::filesystem::path ledger;                   ///< empty: none is kept
    std::filesystem::path state;  ///< folder of the nodes' spools and bdSeq, for another life; empty: in memory
};

}  // namespace labhub::agent::fleet
