#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/fleet/node.hpp"
#include "agent/state/state_database.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::agent::fleet {

/// What the nodes have done together.
struct Totals {
    std::uint64_t connected = 0;       ///< nodes whose births are out
    std::uint64_t produced = 0;        ///< readings taken
    std::uint64_t unacknowledged = 0;  ///< rows of the spools the host has not said to have stored
    std::uint64_t dropped = 0;         ///< rows lost to the spools' bounds
};

/// Many simulated nodes in one process, on one thread: for tests, benchmarks and demonstrations. Each is a full edge
/// node with a connection of its own. Failure: what is lost is counted by the nodes' own rules; a ledger that can't be
/// written ends the run.
class Fleet {
  public:
    /// Errors: the ledger, the descriptors or the temporary folder can't be had.
    static Result<std::unique_ptr<Fleet>> make(asio::any_io_executor executor, Options options);
    ~Fleet();

    /// Starts the nodes over the ramp and samples until `duration` is over or stop_sampling(). Then waits until the
    /// host has acknowledged everything, at most `drain`, and leaves the broker. Error: the ledger.
    Task<Result<void>> run();
    void stop_sampling();
    Totals totals() const;

  private:
    Fleet(asio::any_io_executor executor, Options options, std::filesystem::path folder, state::StateDatabase state,
          std::optional<Ledger> ledger);
    Task<void> start_nodes();
    Task<Result<void>> sample();
    Task<void> drain();
    Task<void> report();
    Task<bool> leave();

    asio::any_io_executor executor_;
    Options options_;
    SystemClock clock_;
    std::filesystem::path folder_;  ///< temporary: of the audit trail
    state::StateDatabase state_;
    std::optional<Ledger> ledger_;
    std::optional<Shared> shared_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::size_t started_ = 0;
    bool is_sampling_ = true;
    asio::steady_timer wake_;
    TaskGroup tasks_;
};

}  // namespace labhub::agent::fleet
