#pragma once

#include <functional>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "coordinator/cli/up/child.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli::up {

/// Keeps one process running: one that ends without being asked to is told about and started again, after a wait that
/// grows while it keeps ending. One thread. run() and stop() must have ended before it is destroyed.
class Supervised {
  public:
    using Tell = std::function<void(const std::string& line)>;

    Supervised(asio::any_io_executor executor, ChildSpec spec, Tell tell);

    /// Starts it and keeps it running; ends after stop().
    Task<void> run();
    /// SIGTERM, then SIGKILL if it hasn't ended after `grace`; ends when it has.
    Task<void> stop(std::chrono::milliseconds grace);

    const ChildSpec& spec() const { return spec_; }
    /// How often it has ended without being asked to.
    unsigned deaths() const { return deaths_; }

  private:
    Task<void> run_once();

    asio::any_io_executor executor_;
    ChildSpec spec_;
    Tell tell_;
    std::optional<Child> child_;
    asio::steady_timer wake_;  ///< ends the wait before the next start
    asio::steady_timer over_;  ///< cancelled when run() has ended
    bool is_stopping_ = false;
    bool is_over_ = true;
    unsigned deaths_ = 0;
};

}  // namespace labhub::cli::up
