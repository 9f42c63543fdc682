#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "coordinator/cli/context.hpp"
#include "coordinator/cli/log_follower.hpp"
#include "coordinator/cli/setup.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct RunRequest {
    std::filesystem::path script;
    std::string again;                 ///< `labhub rerun`: the ended experiment that is started again; no script then
    std::string id;                    ///< --id; empty lets the hub choose
    std::string image;                 ///< --image; empty: the hub's default
    std::vector<std::string> devices;  ///< --device; several: one of them; empty: the only one there is
    std::vector<std::string> needs;    ///< --needs: metrics that the device has
    std::string time_limit;            ///< as typed: "1h"
    std::string memory;                ///< as typed: "512m"
    std::optional<double> cpus;
    std::vector<std::string> environment;  ///< "KEY=VALUE"
    SetupRequest setup;
    bool is_queued = true;  ///< waits for the device; false: refused when it is busy
    bool is_held = false;   ///< waits until it is released
    std::optional<int> priority;
    std::string at;                                               ///< --at as typed
    bool is_dry_run = false;                                      ///< against a twin of the device
    std::string at_most;                                          ///< as typed: a dry run looks no further
    std::filesystem::path out;                                    ///< --out; empty: a folder with the experiment's id
    std::chrono::milliseconds patience{std::chrono::minutes{5}};  ///< how long the hub may be away before we give up
};

/// `labhub run SCRIPT`: uploads the script, follows its output with a live line of key readings below it, fetches the
/// results when it has ended, and exits with its outcome. `labhub rerun ID` does so with the script of an experiment. A
/// hub that goes away in between is waited for, as the experiment goes on without it. Ctrl-C leaves the experiment
/// running.
class Run {
  public:
    Run(Context& context, RunRequest request) : context_(context), request_(std::move(request)) {}

    Task<ExitStatus> execute();

  private:
    void set_device(boost::json::object& config) const;
    Result<boost::json::object> config() const;
    Task<Result<boost::json::object>> start_body();
    Task<Result<void>> start();
    Task<Result<void>> follow();
    Task<Result<boost::json::object>> experiment();
    Task<void> show_live();
    Task<Result<void>> fetch();
    ExitStatus tell_outcome(const boost::json::object& experiment) const;
    // dry_run.cpp
    Task<Result<boost::json::object>> await_dry_run();
    ExitStatus tell_dry_run(const boost::json::object& experiment, const Result<boost::json::object>& report) const;
    Task<ExitStatus> execute_dry_run();

    Context& context_;
    RunRequest request_;
    std::string id_;
    std::vector<std::string> files_;
    Steady::time_point next_live_{};
};

/// One Run from beginning to end.
Task<ExitStatus> run_script(Context& context, RunRequest request);

/// The readings worth a place in one line: the first sensor of each unit, then the actuators that are away from their
/// safe value: "vial_A_180_degree 0.42 V   vial_A_temp 37.1 Cel   stirrer 40 %".
std::string key_readings(const boost::json::object& device);

}  // namespace labhub::cli
