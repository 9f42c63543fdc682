#pragma once

#include <filesystem>
#include <string>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

struct ResultsCommand {
    std::string id;
    std::filesystem::path to;  ///< empty: ID.zip, or the file's own name
    std::string file;          ///< only this one; empty: all of them as a zip
    bool is_partial = false;   ///< of one that runs: what there is so far
    bool is_list = false;      ///< only say what there is
};
/// `labhub results ID [--partial] [--file NAME] [-o FILE]`
Task<ExitStatus> save_results(Context& context, ResultsCommand command);
/// `labhub results ID --list [--partial]`
Task<ExitStatus> list_results(Context& context, ResultsCommand command);
/// `labhub results verify ID`: fetches the zip and checks it. Status failed when anything is not as listed.
Task<ExitStatus> verify_results(Context& context, std::string id);
/// `labhub results verify FILE.zip|FOLDER`: the same for what is here; asks no hub.
ExitStatus verify_local_results(Console& console, const std::filesystem::path& path);
/// `labhub results rm ID`: the experiment and all it left are deleted on the hub.
Task<ExitStatus> remove_results(Context& context, std::string id, bool with_record);
/// Whether that names something here, not an experiment.
bool is_local_result(const std::string& what);

}  // namespace labhub::cli
