#pragma once

namespace labhub::cli {

/// What the process ends with. Scripts depend on these numbers.
enum class ExitStatus : int {
    done = 0,          ///< what was asked for was done; for `run`: the experiment completed
    failed = 1,        ///< the hub refused, or the experiment did not complete
    usage = 2,         ///< the command line can't be understood
    unreachable = 3,   ///< no answer from the hub
    interrupted = 130  ///< Ctrl-C: 128 + SIGINT, as shells report it
};

}  // namespace labhub::cli
