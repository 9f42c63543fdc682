#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::cli {

/// The paths of the files in the archive, folders left out. Error corrupt when it is none.
Result<std::vector<std::string>> list_archive(const std::filesystem::path& archive);
/// The next bytes of a file in an archive; empty at its end. Valid until the next call.
using NextPiece = std::function<Result<std::string_view>()>;
/// Calls `each` for every file in the archive with its path and its bytes, until one fails. Error corrupt when it is
/// none, or its bytes are not what its own check says.
Result<void> for_each_archived(const std::filesystem::path& archive,
                               const std::function<Result<void>(const std::string& name, const NextPiece& next)>& each);
/// Unpacks into the folder, which is made, and returns the paths of the files. The script's own names are not trusted:
/// nothing is written outside of the folder (no absolute path, no `..`, nothing through a symbolic link), and special
/// files are left out.
Result<std::vector<std::string>> unpack_archive(const std::filesystem::path& archive,
                                                const std::filesystem::path& folder);

}  // namespace labhub::cli
