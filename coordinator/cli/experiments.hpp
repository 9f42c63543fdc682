#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct ExperimentsCommand {
    std::vector<std::string> tags;  ///< those that have all of them
    std::string status, user;       ///< as typed: "running,queued"; empty: any
    std::size_t limit = 1'000;      ///< the newest ones
};
/// `labhub experiments [--tag T]… [--status S] [--user U] [--limit N]`
Task<ExitStatus> list_experiments(Context& context, ExperimentsCommand command);

struct TagCommand {
    std::string id;
    std::vector<std::string> words;   ///< "growth" is added, "-growth" taken away
    std::optional<std::string> note;  ///< in place of the one there is
};
/// `labhub tag ID a b -c [--note TEXT]`
Task<ExitStatus> change_tags(Context& context, TagCommand command);
/// `labhub stop ID`
Task<ExitStatus> stop_experiment(Context& context, std::string id);

struct LogsRequest {
    std::string id;
    bool follow = false;
    std::optional<unsigned> tail;  ///< only the last lines
};
/// `labhub logs ID [-f] [--tail N]`: the script's output to standard output, its errors to standard error.
Task<ExitStatus> show_logs(Context& context, LogsRequest request);

}  // namespace labhub::cli
