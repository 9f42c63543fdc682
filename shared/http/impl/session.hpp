#pragma once

#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "shared/http/impl/registry.hpp"
#include "shared/http/server.hpp"

namespace labhub::http::impl {

/// What all sessions of one server share.
struct ServerState {
    ServerState(asio::any_io_executor executor, ServerLimits limits_in, Server::Handler handler_in)
        : limits(limits_in),
          handler(std::move(handler_in)),
          registry(limits_in.max_connections, limits_in.max_connections_per_listener),
          emptied(executor) {}

    const ServerLimits limits;
    const Server::Handler handler;
    Server::IsStreamed is_streamed;  ///< empty: none is
    ServerCounters counters;
    Registry registry;
    bool stopping = false;
    asio::steady_timer emptied;  ///< cancelled when the last connection ends while stopping
};

/// Serves one connection, already in the registry, until it ends; counts it out then. Throws only operation_aborted.
Task<void> serve(std::shared_ptr<ServerState> server, std::shared_ptr<Connection> connection, std::string tag);

}  // namespace labhub::http::impl
