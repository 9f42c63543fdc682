#pragma once

#include <filesystem>
#include <functional>

#include <boost/asio/local/stream_protocol.hpp>

#include "coordinator/runner/acting_as.hpp"
#include "coordinator/runner/job_socket.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::runner {

/// What the runner does when the coordinator speaks, and what it says first.
struct CoordinatorLinkEvents {
    std::function<Hello()> hello;   ///< all that is known now
    std::function<int()> listener;  ///< the descriptor that goes along, or -1
    std::function<void(std::string reason, std::chrono::milliseconds grace)> on_stop;
    std::function<void()> on_released;
    std::function<void(std::uint64_t most_bytes)> on_take_snapshot;
    std::function<void(std::chrono::milliseconds limit)> on_pause;
    std::function<void()> on_resume;
};

/// The runner's end of the conversation with the coordinator. Connects, and again whenever the connection is lost, for
/// as long as it lives: the job doesn't need the coordinator. What is reported while nobody listens is part of the next
/// Hello. Lives on one executor.
class CoordinatorLink {
  public:
    /// `caller`: who the socket's owner is told we are.
    CoordinatorLink(asio::any_io_executor executor, std::filesystem::path socket, Identity caller,
                    CoordinatorLinkEvents events);

    /// Runs until cancelled.
    Task<void> run();
    void report(const Started& started);
    void report(const Ended& ended);
    void report(const SnapshotTaken& taken);
    void report(const PauseState& state);

  private:
    using Local = asio::local::stream_protocol;
    bool connect();
    bool greet();
    Task<void> listen();
    void obey(const std::string& frame);
    void send(const std::string& bytes);

    std::filesystem::path path_;
    Identity caller_;
    CoordinatorLinkEvents events_;
    Local::socket socket_;
    bool greeted_ = false, accepted_ = false;
};

}  // namespace labhub::coordinator::runner
