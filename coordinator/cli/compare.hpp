#pragma once

#include <string>
#include <vector>

#include <boost/json.hpp>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct CompareCommand {
    std::string first, second;
    std::vector<std::string> metrics;  ///< empty: those that differ most
    bool is_table = false;             ///< figures only
    unsigned height = 0;               ///< lines of each chart; 0: as fits
};

/// `labhub compare A B [METRIC…]`: what the runs were started with that differs, and their metrics over each other.
Task<ExitStatus> compare_runs(Context& context, CompareCommand command);

/// What is shown for an answer of GET /api/experiments/compare, `width` places wide.
std::string compare_text(const boost::json::object& reply, const CompareCommand& command, std::size_t width,
                         bool is_styled, UtcMillis now);

}  // namespace labhub::cli
