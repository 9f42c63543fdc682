#pragma once

#include "agent/fleet/options.hpp"

namespace CLI {
class App;
}

namespace labhub::agent::fleet {

/// Adds --simulate-fleet and what goes with it; `options` must outlive the parsing.
void add_options(CLI::App& app, Options& options);
/// Runs the fleet until its time is over, or a signal. Progress is written to stdout, a line of JSON whenever something
/// changed: {"time_ms":…,"connected":…,"produced":…,"unacknowledged":…,"dropped":…}. The exit status: 0, or 1 when it
/// could not start, the ledger failed, or rows were still not acknowledged at the end.
int run(Options options);

}  // namespace labhub::agent::fleet
