#pragma once

#include <filesystem>
#include <string>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub results ID -o FILE`: the results.zip; with an empty path ID.zip.
Task<ExitStatus> save_results(Context& context, std::string id, std::filesystem::path to);
/// `labhub results verify ID`: fetches the zip and checks it. Status failed when anything is not as listed.
Task<ExitStatus> verify_results(Context& context, std::string id);
/// `labhub results verify FILE.zip|FOLDER`: the same for what is here; asks no hub.
ExitStatus verify_local_results(Console& console, const std::filesystem::path& path);
/// Whether that names something here, not an experiment.
bool is_local_result(const std::string& what);

}  // namespace labhub::cli
