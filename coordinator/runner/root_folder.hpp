#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

inline constexpr const char* kInitPath = "/run/labhub/init";
inline constexpr const char* kPythonPath = "/opt/labhub/python";

/// Makes the sandbox's root at `root`: the folders and files that things are mounted on, links into /usr, and an /etc
/// with two users, no name server and no secrets. `uid` is the script's user as seen inside. Errors as the system gave.
Result<void> make_root_folder(const std::filesystem::path& root, std::uint32_t uid);

/// Folders of the host's /etc that Python and its libraries read, as far as this host has them.
std::vector<std::string> bound_etc_folders();

/// Tells whether what a root folder was made of, the host's own files, has changed since.
std::string host_files_mark();

}  // namespace labhub::coordinator::runner
