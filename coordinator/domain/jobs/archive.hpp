#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

/// Calls `visit` for each regular file among `entries` (files and folders, relative to `folder`, in this order; those
/// that don't exist are left out), with its name relative to `folder` as UTF-8 text: a byte that isn't is written \xNN.
/// Links are never followed. Goes through all of them; the first failure is returned. Blocks.
Result<void> for_each_file(const std::filesystem::path& folder, const std::vector<std::string>& entries,
                           const std::function<Result<void>(const std::filesystem::path&, std::string name)>& visit);

/// Packs the files of `entries`, as for_each_file finds them, into a zip at `target`, replaced as one step. A file that
/// can't be read is left out and is the error returned, beside the zip of the others. Blocks.
Result<void> write_zip(const std::filesystem::path& folder, const std::vector<std::string>& entries,
                       const std::filesystem::path& target);

}  // namespace labhub::coordinator::jobs
