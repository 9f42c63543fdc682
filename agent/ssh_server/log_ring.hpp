#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace spdlog::sinks {
class sink;
}

namespace labhub::agent::ssh_server {

/// The last lines of the process's log, kept in memory for `logs`. Any thread.
class LogRing {
  public:
    static constexpr std::size_t kLines = 500;

    /// Adds itself to the process's default logger.
    LogRing();
    ~LogRing();
    LogRing(const LogRing&) = delete;
    LogRing& operator=(const LogRing&) = delete;

    /// The last `count` lines, oldest first, without line ends.
    std::vector<std::string> last(std::size_t count) const;

  private:
    std::shared_ptr<spdlog::sinks::sink> sink_;
};

}  // namespace labhub::agent::ssh_server
