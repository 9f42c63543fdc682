#pragma once

#include <filesystem>
#include <string>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// SHA-256 of a file's bytes, in hexadecimal. Errors as open(2) and read(2) gave them; a symbolic link is not followed.
Result<std::string> sum_of_file(const std::filesystem::path& path);

}  // namespace labhub::coordinator::images
