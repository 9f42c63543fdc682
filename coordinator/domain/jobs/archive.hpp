#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

/// Packs `entries` (files and folders, relative to `folder`, in this order; those that don't exist are left out) into a
/// zip at `target`, replaced as one step. Only regular files and folders are packed; links are never followed. Blocks.
Result<void> write_zip(const std::filesystem::path& folder, const std::vector<std::string>& entries, const std::filesystem::path& target);

}  // namespace labhub::coordinator::jobs
