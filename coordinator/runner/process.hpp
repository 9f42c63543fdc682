#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// A program to start. Descriptors are those of this process; -1 stands for /dev/null.
struct Command {
    std::vector<std::string> argv;  ///< argv[0] is a path, or a name looked for in PATH
    int in = -1, out = -1, err = -1;
    int pass = -1;  ///< becomes descriptor 3; all above are closed
    int oom_score =
        0;  ///< not 0: its oom_score_adj, which nothing below it that lacks CAP_SYS_RESOURCE can lower again
};

/// Starts it; it is killed when the calling thread ends. Never through a shell. Error as fork(2) gave it; a program
/// that can't be executed shows as exit status 127.
Result<pid_t> start_process(const Command& command);
/// Waits for its end, at most `seconds` (then it is killed). Its exit status, 128 + signal where a signal ended it.
int wait_process(pid_t pid, int seconds);
/// A descriptor that becomes readable when the process has ended. Error as pidfd_open(2) gave it.
Result<int> open_process(pid_t pid);
/// 128 + signal or the exit status of a wait status.
int exit_code_of(int wait_status);

}  // namespace labhub::coordinator::runner
