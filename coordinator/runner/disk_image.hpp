#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <sys/types.h>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// The output folder's hard limit: a sparse file with an ext4 file system of the allowed size, mounted over a loop
/// device. The kernel refuses the byte too many with ENOSPC; nobody has to look at the folder while the script runs.
/// No journal (the image is thrown away after the outputs are copied), inode tables not written until used: an image
/// holds some hundred KiB whatever its size, and is copied from a template of the same size.
class DiskImage {
  public:
    DiskImage() = default;
    /// Makes the image at `path`, as a copy of a template in `templates`, which is made when it is missing; without a
    /// folder, or when it holds many already, directly. mount() gives its root folder to `owner`. Errors unsupported
    /// (no mke2fs), or as the system gave them.
    static Result<DiskImage> make(const std::filesystem::path& path, std::uint64_t bytes, std::uint32_t files,
                                  uid_t owner, const std::filesystem::path& templates);
    /// An image made before, whose outputs are still in it.
    static DiskImage existing(const std::filesystem::path& path);
    /// Mounts it at `target`, nosuid and nodev. The device goes by itself when the last mount does. A copy that is no
    /// file system is made anew, and its template forgotten. Errors unsupported (no loop devices here), internal.
    Result<void> mount(const std::filesystem::path& target, bool read_only = false);

  private:
    std::filesystem::path path_, template_;
    std::uint64_t size_ = 0;  ///< bytes
    std::uint32_t files_ = 0;
    std::optional<uid_t> owner_;
};

/// The template in this folder for images of that kind.
std::filesystem::path image_template(const std::filesystem::path& folder, std::uint64_t bytes, std::uint32_t files);

/// The size of an image whose files may hold `bytes` in all: no file in it can be larger.
std::uint64_t image_bytes(std::uint64_t bytes, std::uint32_t files);

/// Whether a loop device still uses this file: the last namespace that saw the mount isn't gone yet.
bool is_image_in_use(const std::filesystem::path& image);
/// Whether a folder's file system has no room left for another byte or file.
bool is_file_system_full(const std::filesystem::path& folder);

}  // namespace labhub::coordinator::runner
