#include "coordinator/runner/disk_image.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "coordinator/runner/process.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr int kMakeSeconds = 20;
constexpr int kLoopAttempts = 50;
/// Superblock, descriptors and bitmaps, beside the inode tables: measured on 64 MiB to 64 GiB.
constexpr std::uint64_t kFixedOverhead = 2u << 20;
constexpr std::uint64_t kInodeBytes = 256;
constexpr std::uint64_t kBlock = 4096;
/// Less than this free is full: the kernel writes in pieces of up to 2 MiB, and refuses one that doesn't fit as a
/// whole.
constexpr std::uint64_t kFullBelow = 4u << 20;
/// In a small image, this part of it.
constexpr std::uint64_t kFullPart = 16;
constexpr const char* kMkeFolders[] = {"/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/bin/mke2fs"};

std::string find_mke2fs() {
    for (const char* path : kMkeFolders)
        if (::access(path, X_OK) == 0) return path;
    return {};
}

/// A loop device with `image` behind it, still open: it is freed by itself after the last user.
Result<std::pair<UniqueFd, std::string>> attach(const UniqueFd& image, bool read_only) {
    const UniqueFd control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
    if (!control) return Error{ErrorCode::unsupported, "no loop devices here: " + system_error("open", errno).message};
    int failure = 0;
    for (int attempt = 0; attempt < kLoopAttempts; ++attempt) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return Error{ErrorCode::unsupported, system_error("ask for a loop device", errno).message};
        std::string path = "/dev/loop" + std::to_string(number);
        UniqueFd device{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
        if (!device) return Error{ErrorCode::unsupported, system_error("open " + path, errno).message};
        loop_config config{};
        config.fd = static_cast<__u32>(image.get());
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
        if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return std::pair{std::move(device), std::move(path)};
        // Another runner was quicker with the same number.
        if ((failure = errno) != EBUSY) break;
    }
    return Error{ErrorCode::unsupported, system_error("set up a loop device", failure).message};
}

}  // namespace

Result<DiskImage> DiskImage::begin(const std::filesystem::path& path, std::uint64_t bytes, std::uint32_t files,
                                   uid_t owner) {
    const std::string program = find_mke2fs();
    if (program.empty()) return Error{ErrorCode::unsupported, "no mke2fs here (package e2fsprogs)"};
    DiskImage image = existing(path);
    const std::string id = std::to_string(owner);
    LABHUB_TRY(image.maker_, start_process({{program, "-q", "-F", "-t", "ext4", "-m", "0", "-b", "4096", "-N",
                                             std::to_string(files), "-O", "^has_journal,^resize_inode", "-E",
                                             "lazy_itable_init=1,nodiscard,root_owner=" + id + ":" + id, path.string(),
                                             std::to_string(image_bytes(bytes, files) / 1024) + "k"}}));
    return image;
}

DiskImage DiskImage::existing(const std::filesystem::path& path) {
    DiskImage image;
    image.path_ = path;
    return image;
}

Result<void> DiskImage::mount(const std::filesystem::path& target, bool read_only) {
    if (maker_ != 0) {
        const int status = wait_process(std::exchange(maker_, 0), kMakeSeconds);
        if (status != 0) return Error{ErrorCode::internal, "mke2fs ended with status " + std::to_string(status)};
    }
    const UniqueFd image{::open(path_.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC)};
    if (!image) return system_error("open " + path_.string(), errno);
    LABHUB_TRY(const auto device, attach(image, read_only));
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME | (read_only ? MS_RDONLY : 0);
    // noinit_itable: the kernel would otherwise write the empty inode tables in the background. nobarrier: the image
    // lives as long as its job, and mounting would wait for the host's disk to flush (10 ms instead of 1).
    const char* options = read_only ? "" : "noinit_itable,nobarrier";
    if (::mount(device.second.c_str(), target.c_str(), "ext4", flags, options) != 0)
        return system_error("mount " + path_.string(), errno);
    // A script should find its output folder empty.
    if (!read_only) ::rmdir((target / "lost+found").c_str());
    return {};
}

std::uint64_t image_bytes(std::uint64_t bytes, std::uint32_t files) {
    return (bytes + files * kInodeBytes + bytes / 256 + kFixedOverhead + kBlock - 1) / kBlock * kBlock;
}

bool is_image_in_use(const std::filesystem::path& image) {
    std::error_code failure;
    const auto wanted = std::filesystem::canonical(image, failure).string();
    for (const auto& device : std::filesystem::directory_iterator("/sys/block", failure)) {
        if (!device.path().filename().string().starts_with("loop")) continue;
        const auto backing = read_file(device.path() / "loop/backing_file", 8192);
        if (backing && trim(*backing) == wanted) return true;
    }
    return false;
}

bool is_file_system_full(const std::filesystem::path& folder) {
    struct statvfs facts {};
    if (::statvfs(folder.c_str(), &facts) != 0) return false;
    const std::uint64_t size = facts.f_blocks * facts.f_frsize;
    return facts.f_bavail * facts.f_frsize < std::min(kFullBelow, size / kFullPart) || facts.f_ffree == 0;
}

}  // namespace labhub::coordinator::runner
