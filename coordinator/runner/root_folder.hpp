#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

inline constexpr const char* kInitPath = "/run/labhub/init";
inline constexpr const char* kPythonPath = "/opt/labhub/python";

/// A folder that the sandbox sees read-only.
struct BoundFolder {
    std::string at;                ///< in the sandbox
    std::filesystem::path source;  ///< below the image's root
};

/// Makes the sandbox's root at `root`: the folders and files that things are mounted on, the image's links into its
/// /usr, and an /etc with two users, no name server and no secrets. `uid` is the script's user as seen inside; `image`
/// the image's root on this host, empty for the host's own. Errors as the system gave.
Result<void> make_root_folder(const std::filesystem::path& root, std::uint32_t uid, const std::filesystem::path& image);

/// What of an image is mounted: its programs and libraries, and the folders of its /etc that Python and its libraries
/// read, as far as it has them.
std::vector<BoundFolder> bound_folders(const std::filesystem::path& image);

/// Tells whether what a root folder was made of, the files of the host or the image, has changed since.
std::string image_files_mark(const std::filesystem::path& image);

}  // namespace labhub::coordinator::runner
