#pragma once

#include <string>
#include <variant>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

// What was typed behind `labhub results`, beside what fetches one.
struct ResultsListRequest {};
struct ResultsKeepRequest {
    std::string id;
    std::string keep;  ///< pinned, usual or until_downloaded
};
using StoredResultsCommand = std::variant<ResultsListRequest, ResultsKeepRequest>;

/// `labhub results list | pin ID | unpin ID | keep ID`
Task<ExitStatus> run_stored_results(Context& context, StoredResultsCommand command);

}  // namespace labhub::cli
