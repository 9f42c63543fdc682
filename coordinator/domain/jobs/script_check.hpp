#pragma once

#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

inline constexpr std::size_t kMaxScriptBytes = 1u << 20;

/// Whether the text can be a script at all: not empty, at most kMaxScriptBytes, UTF-8 without NUL. Error malformed or
/// too_large, saying where.
Result<void> check_script_text(std::string_view script);

/// Whether Python can parse it, asked of /usr/bin/python3 itself: the text goes in by standard input and is compiled,
/// never run. Blocks for up to five seconds. Error malformed with line, column and Python's own message; unavailable
/// when there is no Python here.
Result<void> check_script_syntax(std::string_view script);

}  // namespace labhub::coordinator::jobs
