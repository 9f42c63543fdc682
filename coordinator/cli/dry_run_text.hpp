#pragma once

#include <cstddef>
#include <string>

#include <boost/json.hpp>

namespace labhub::cli {

struct DryRunTextOptions {
    std::string script;      ///< as it was named
    std::size_t width = 80;  ///< places
    bool is_styled = false;  ///< bold, dim and colours
};

/// What a dry run found, as a person reads it: chart, commands, findings and what the twin took for granted. `report`
/// is the hub's.
std::string dry_run_text(const boost::json::object& report, const DryRunTextOptions& options);

/// "2h13m05s": a moment of a dry run.
std::string elapsed_text(double seconds);

}  // namespace labhub::cli
