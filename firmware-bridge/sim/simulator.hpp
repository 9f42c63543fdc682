#pragma once

#include <filesystem>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "firmware-bridge/sim/event_log.hpp"
#include "firmware-bridge/sim/line_faults.hpp"
#include "firmware-bridge/sim/pseudo_terminal.hpp"
#include "firmware-bridge/sim/simulated_board.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::firmware_bridge::sim {

struct SimulatorOptions {
    VesselOptions vessel;
    double speed = 1;              ///< how many times as fast as the clock the vessel lives
    std::filesystem::path link;    ///< where the host finds the line
    std::filesystem::path events;  ///< the event log; empty for none
    LineFaultOptions faults;
};

/// A board on a pseudo-terminal: the wiring of labhub-vessel-sim. One thread, that of the io_context.
class Simulator {
  public:
    static Result<std::unique_ptr<Simulator>> open(asio::io_context& io, const SimulatorOptions& options);

    const std::filesystem::path& path() const { return terminal_.path(); }
    /// Answers and lives until SIGTERM or SIGINT.
    Task<void> run();

  private:
    Simulator(asio::io_context& io, const SimulatorOptions& options, PseudoTerminal terminal, EventLog events);
    Task<void> listen();
    Task<void> live();

    SystemClock clock_;
    EventLog events_;
    PseudoTerminal terminal_;
    LineFaults to_board_, to_host_;
    SimulatedBoard board_;
    asio::any_io_executor executor_;
    /// From the start: a signal that comes right after "ready" must end it properly too.
    asio::signal_set ends_;
    TaskGroup tasks_;
};

}  // namespace labhub::firmware_bridge::sim
