#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "shared/runtime/task.hpp"

namespace labhub::cli::up {

/// What the hub on 127.0.0.1:port still lacks to be ready, for people; empty when it is healthy and `nodes` nodes are
/// online and connected. Ends within seconds.
Task<std::string> what_is_missing(asio::any_io_executor executor, std::uint16_t port, std::filesystem::path token_file,
                                  std::size_t nodes);

/// Stops every experiment that has not ended, and waits for their ends, for a bounded time: a sandbox must not be left
/// without a hub. A hub that does not answer has none that could be stopped.
Task<void> stop_experiments(asio::any_io_executor executor, std::uint16_t port, std::filesystem::path token_file);

/// The first "ssh-ed25519 AAAA…" in the text, without its comment; empty if there is none.
std::string public_key_in(std::string_view text);
/// The first "SHA256:…" in the text; empty if there is none.
std::string fingerprint_in(std::string_view text);

}  // namespace labhub::cli::up
