#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "shared/base/result.hpp"

namespace labhub {

/// A file descriptor that closes itself.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept;
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset();

  private:
    int fd_ = -1;
};

/// The whole file. Errors as open(2) and read(2) gave them; too_large past `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 64u << 20);
/// Replaces the file as one step (temporary file, fsync, rename), with `mode` from the first byte on.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0644);
/// Makes the folder and its parents, the last one with `mode`. An existing folder is fine and keeps its mode.
Result<void> make_folder(const std::filesystem::path& path, mode_t mode = 0755);

}  // namespace labhub
