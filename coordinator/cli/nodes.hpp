#pragma once

#include <string>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub nodes`: a table of them, and on standard error what about them needs somebody.
Task<ExitStatus> list_nodes(Context& context);

/// What a node of GET /api/nodes says is wrong with its spool, a line each; empty when nothing is.
std::vector<std::string> node_warnings(const boost::json::object& node, UtcMillis now);

}  // namespace labhub::cli
