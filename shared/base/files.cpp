#include "shared/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shared/base/random.hpp"

namespace labhub {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

void UniqueFd::reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return system_error("open " + path.string(), errno);
    std::string bytes;
    std::array<char, 16384> chunk{};
    while (true) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read " + path.string(), errno);
        if (got == 0) return bytes;
        bytes.append(chunk.data(), static_cast<std::size_t>(got));
        if (bytes.size() > limit)
            return Error{ErrorCode::too_large, path.string() + " is too large",
                         "at most " + std::to_string(limit) + " bytes"};
    }
}

namespace {

Result<void> write_all(int fd, std::string_view bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error("write " + name, errno);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(fd) != 0) return system_error("fsync " + name, errno);
    return {};
}

}  // namespace

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
    const std::string temporary = path.string() + "." + random_hex(4) + ".tmp";
    UniqueFd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
    if (!file) return system_error("create " + temporary, errno);
    ::fchmod(file.get(), mode);
    auto written = write_all(file.get(), bytes, temporary);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
        written = system_error("rename to " + path.string(), errno);
    if (!written) ::unlink(temporary.c_str());
    return written;
}

Result<void> make_folder(const std::filesystem::path& path, mode_t mode) {
    std::error_code failure;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), failure);
    if (failure) return system_error("create folder " + path.parent_path().string(), failure.value());
    if (::mkdir(path.c_str(), mode) == 0) return {};
    if (errno == EEXIST && std::filesystem::is_directory(path, failure)) return {};
    return system_error("create folder " + path.string(), errno);
}

}  // namespace labhub
