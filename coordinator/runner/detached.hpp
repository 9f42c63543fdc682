#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::runner {

/// Starts `program verb folder` as a process that doesn't depend on this one: in a session of its own, with no
/// descriptor of ours but `pass` (as descriptor 3; -1: none), its standard streams in folder/runner.log.
Result<pid_t> start_detached(const std::filesystem::path& program, const char* verb,
                             const std::filesystem::path& folder, int pass = -1);
/// Waits until the child has ended, and reaps it. Its wait status, or -1 when that can't be had.
Task<int> await_exit(pid_t pid);
/// The same for a runner, with a word in the log when it did not end well.
Task<void> reap_runner(pid_t pid, std::string job_dir);

}  // namespace labhub::coordinator::runner
