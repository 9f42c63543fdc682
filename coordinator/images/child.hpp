#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// Each line a program says, on either of its streams.
using Said = std::function<void(std::string_view line)>;

/// Runs a program to its end, never through a shell; the environment is ours. Error internal with its last lines when
/// it fails, timed_out (it is killed), unsupported when there is no such program: names the Debian `package` it is in.
Result<void> run_program(const std::vector<std::string>& argv, const std::string& package, const Said& said,
                         std::chrono::seconds limit);
/// Forks; the child does `work`, which does not return, with our standard input closed. What it writes to its standard
/// output, at most a few megabytes. Errors internal (with its standard error), timed_out.
Result<std::string> output_of_child(const std::function<void()>& work, std::chrono::seconds limit);

/// Goes on in a child that is the first process of a pid namespace, in a mount namespace of its own, and without a
/// network where `has_network` is false: whatever ends it, or this process, leaves no process and no mount. This
/// process stays as its parent and exits with its status. Error forbidden without root.
Result<void> seclude(bool has_network);

}  // namespace labhub::coordinator::images
