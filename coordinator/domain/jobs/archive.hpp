#pragma once

#include <cstdint>
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

/// A file as it stands in a zip.
struct PackedFile {
    std::string name;       ///< UTF-8, with /
    std::int64_t size = 0;  ///< bytes
    std::string sha256;     ///< of its bytes, 64 hexadecimal digits
};

/// The last file of a zip: it tells of all the others, so it is made when they are packed, and kept beside the zip too.
struct Inventory {
    std::string name;
    std::function<std::string(const std::vector<PackedFile>&)> make;
};

/// Packs the files of `entries`, as for_each_file finds them, and `inventory` into a zip at `target`, replaced as one
/// step. Each file is read once, in pieces: memory does not grow with sizes. A file that can't be read is left out and
/// is the error returned, beside the zip of the others; of two names that read the same one gets a ~. Blocks.
Result<void> write_zip(const std::filesystem::path& folder, const std::vector<std::string>& entries,
                       const std::filesystem::path& target, const Inventory& inventory);

}  // namespace labhub::coordinator::jobs
