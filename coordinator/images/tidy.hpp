#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// Makes of an unpacked system what a sandbox sees of an image, so that the same packages give the same tree: only
/// programs, libraries and the /etc they read (and /opt) stay; no setuid file, no file capability, no device; all owned
/// by this process's user, read by everybody and written by nobody. `leave_out` are paths below the root. Errors as the
/// system gave them.
Result<void> tidy(const std::filesystem::path& root, const std::vector<std::string>& leave_out);

/// "NAME VERSION" of the Debian packages unpacked in `root`, before it is tidied; empty where there are none.
std::vector<std::string> installed_packages(const std::filesystem::path& root);

}  // namespace labhub::coordinator::images
