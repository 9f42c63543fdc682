#pragma once

#include <filesystem>
#include <string_view>

#include <boost/json.hpp>

#include "shared/base/clock.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::firmware_bridge::sim {

/// What happened to the vessel, as an observer beside the wire sees it: one JSON object a line, each in one
/// write, so that a reader never meets half of one and nothing is lost when the process is killed. Every line
/// has `monotonic_ms` (CLOCK_MONOTONIC of the machine), `utc_ms`, `utc` and `event`.
class EventLog {
  public:
    /// Without a path nothing is kept. Errors as open(2) gave them.
    static Result<EventLog> open(const std::filesystem::path& path, const Clock& clock);

    /// Adds a line; `fields` come after those every line has. A disk that is full loses the line, which is
    /// logged.
    void add(std::string_view event, boost::json::object fields);

  private:
    EventLog(UniqueFd file, const Clock& clock) : file_(std::move(file)), clock_(&clock) {}

    UniqueFd file_;
    const Clock* clock_;
};

}  // namespace labhub::firmware_bridge::sim
