#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <boost/json.hpp>

namespace labhub::firmware_bridge {

/// labhub-vessel-sim as a child process, in a folder of its own. The link and the event log have the same
/// paths at each start, as a board keeps its port's name.
class SimProcess {
  public:
    SimProcess();
    ~SimProcess();
    SimProcess(const SimProcess&) = delete;
    SimProcess& operator=(const SimProcess&) = delete;

    /// Starts it and waits until it is ready; false when it did not become so within ten seconds.
    bool start(std::vector<std::string> arguments = {});
    /// Sends the signal and waits until it has ended; its status as waitpid(2) gives it.
    int end(int signal);

    std::string link() const { return folder_ / "board"; }
    std::vector<boost::json::object> events() const;
    /// Waits until some event satisfies `wanted`; an empty object after `limit`.
    boost::json::object await_event(const std::function<bool(const boost::json::object&)>& wanted,
                                    std::chrono::milliseconds limit) const;

    static std::filesystem::path program();

  private:
    std::filesystem::path folder_;
    pid_t pid_ = -1;
};

/// An event of an output that took this value.
std::function<bool(const boost::json::object&)> output_is(std::string metric, double value);
/// An event of that kind.
std::function<bool(const boost::json::object&)> is_event(std::string kind);

}  // namespace labhub::firmware_bridge
