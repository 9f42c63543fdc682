#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub {

/// Sends the process's log to stderr (journald takes it from there), as "2026-02-15T18:27:28.123Z info agent: text".
/// `level` is trace, debug, info, warn, error or off. Error malformed for another word.
Result<void> start_logging(std::string_view program, std::string_view level);

}  // namespace labhub
