#pragma once

#include <string_view>

namespace labhub::coordinator::runner {

/// Tells the service manager, where one started this process and wants to hear it: "READY=1", "STATUS=…"
/// (sd_notify(3)). Best effort.
void notify_manager(std::string_view state);

}  // namespace labhub::coordinator::runner
