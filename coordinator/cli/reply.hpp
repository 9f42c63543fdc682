#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "coordinator/cli/context.hpp"
#include "coordinator/cli/table.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// Asks the hub for `target`; the answer goes out as it is for programs, by `show` for people.
Task<ExitStatus> show_reply(Context& context, std::string target, std::function<void(const boost::json::object&)> show);
/// Has the hub change something, and says what it says of it.
Task<ExitStatus> ask_for(Context& context, std::string target, boost::json::object body);
/// What the hub said of a change: its "message" for people.
ExitStatus tell(Context& context, const Result<boost::json::object>& reply);
/// The table as a result, or the remark `none` where it has no row.
void show_table(Console& console, const Table& table, std::string_view none);

}  // namespace labhub::cli
