#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::cli {

/// The paths of the files in the archive, folders left out. Error corrupt when it is none.
Result<std::vector<std::string>> list_archive(const std::filesystem::path& archive);
/// Unpacks into the folder, which is made, and returns the paths of the files. The script's own names are not trusted:
/// nothing is written outside of the folder (no absolute path, no `..`, nothing through a symbolic link), and special
/// files are left out.
Result<std::vector<std::string>> unpack_archive(const std::filesystem::path& archive,
                                                const std::filesystem::path& folder);

}  // namespace labhub::cli
