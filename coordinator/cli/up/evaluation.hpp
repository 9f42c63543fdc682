#pragma once

#include <list>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "coordinator/cli/console.hpp"
#include "coordinator/cli/exit_status.hpp"
#include "coordinator/cli/up/configurations.hpp"
#include "coordinator/cli/up/layout.hpp"
#include "coordinator/cli/up/ports.hpp"
#include "coordinator/cli/up/programs.hpp"
#include "coordinator/cli/up/settings.hpp"
#include "coordinator/cli/up/supervised.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::cli::up {

/// `labhub up`: a private broker, simulated nodes and a coordinator over one folder, kept running until Ctrl-C or
/// SIGTERM, then stopped from the top down: experiments, coordinator, agents (which make their vessels safe),
/// simulators, broker. One thread. What fails to start ends it with what its log says.
class Evaluation {
  public:
    Evaluation(asio::io_context& io, Console& console, Settings settings);

    Task<ExitStatus> run();

  private:
    Result<void> prepare();
    Result<void> take_folder();
    Task<Result<void>> start();
    Task<Result<void>> start_broker();
    Task<Result<void>> make_keys();
    Task<Result<void>> start_node(unsigned number);
    Result<void> start_coordinator();
    Task<Result<void>> wait_until_ready();
    void announce();
    Task<void> stop();

    /// Starts the program and keeps it running; its log is named like it.
    Supervised& keep(std::string name, std::vector<std::string> command);
    Supervised& keep(ChildSpec spec);
    ChildSpec spec_of(std::string name, std::vector<std::string> command) const;
    /// Waits until `is_there` says yes. Error with the log's last lines when what is supervised keeps ending, timed_out
    /// after a time no healthy start takes.
    Task<Result<void>> wait_for(std::string what, const Supervised* of, std::function<bool()> is_there);

    asio::io_context& io_;
    Console& console_;
    Settings settings_;
    Layout layout_;
    Programs programs_;
    UniqueFd lock_;
    std::vector<Node> nodes_;
    std::uint16_t broker_port_ = 0;
    std::string coordinator_key_;
    std::string operator_key_;
    TaskGroup tasks_;
    std::list<Supervised> running_;  ///< in the order they were started
};

}  // namespace labhub::cli::up
