#include "coordinator/runner/disk_image.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "coordinator/runner/process.hpp"
#include "shared/base/random.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

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
constexpr std::uint64_t kFullPart = 8;
/// The number changes with what mke2fs is told.
constexpr const char* kTemplatePrefix = "output-1-";
/// Of so many sizes a template is kept.
constexpr int kMaxTemplates = 8;
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

Result<void> make_file_system(const fs::path& path, std::uint64_t size, std::uint32_t files) {
    const std::string program = find_mke2fs();
    if (program.empty()) return Error{ErrorCode::unsupported, "no mke2fs here (package e2fsprogs)"};
    LABHUB_TRY(const pid_t maker,
               start_process({{program, "-q", "-F", "-t", "ext4", "-m", "0", "-b", "4096", "-N", std::to_string(files),
                               "-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0",
                               path.string(), std::to_string(size / 1024) + "k"}}));
    const int status = wait_process(maker, kMakeSeconds);
    if (status != 0) return Error{ErrorCode::internal, "mke2fs ended with status " + std::to_string(status)};
    return {};
}

/// Whether another one may be kept here.
bool has_room_for_template(const fs::path& folder) {
    int kept = 0;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure))
        if (entry.path().filename().string().starts_with(kTemplatePrefix)) ++kept;
    return !failure && kept < kMaxTemplates;
}

/// Whole and on the disk before it gets its name, so that no crash leaves half a template. False when there is to be
/// none; the image is made directly then.
bool make_template(const fs::path& path, std::uint64_t size, std::uint32_t files) {
    if (!has_room_for_template(path.parent_path())) return false;
    const fs::path temporary = path.string() + "." + random_hex(4) + ".tmp";
    bool made = make_file_system(temporary, size, files).has_value();
    if (made) {
        const UniqueFd file{::open(temporary.c_str(), O_RDONLY | O_CLOEXEC)};
        made = file && ::fsync(file.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
    }
    if (!made) ::unlink(temporary.c_str());
    return made;
}

/// What the template holds, and nothing of its holes. Shared with it where the host's file system can.
bool copy_bytes(int from, int to, off_t size) {
    if (::ioctl(to, FICLONE, from) == 0) return true;
    for (off_t at = 0; at < size;) {
        off_t data = ::lseek(from, at, SEEK_DATA);
        if (data < 0) return errno == ENXIO;
        const off_t end = ::lseek(from, data, SEEK_HOLE);
        if (end < 0) return false;
        for (off_t target = data; data < end;)
            if (::copy_file_range(from, &data, to, &target, static_cast<std::size_t>(end - data), 0) <= 0) return false;
        at = end;
    }
    return true;
}

bool copy_template(const fs::path& from, const fs::path& to, std::uint64_t size) {
    const UniqueFd source{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat facts {};
    if (!source || ::fstat(source.get(), &facts) != 0) return false;
    if (static_cast<std::uint64_t>(facts.st_size) != size) {
        ::unlink(from.c_str());
        return false;
    }
    const UniqueFd target{::open(to.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    const bool copied = target && copy_bytes(source.get(), target.get(), facts.st_size) &&
                        ::ftruncate(target.get(), facts.st_size) == 0;
    if (target && !copied) ::unlink(to.c_str());
    return copied;
}

Result<void> mount_image(const fs::path& path, const fs::path& target, bool read_only) {
    const UniqueFd image{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC)};
    if (!image) return system_error("open " + path.string(), errno);
    LABHUB_TRY(const auto device, attach(image, read_only));
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME | (read_only ? MS_RDONLY : 0);
    // noinit_itable: the kernel would otherwise write the empty inode tables in the background. nobarrier: the image
    // lives as long as its job, and mounting would wait for the host's disk to flush (10 ms instead of 1).
    const char* options = read_only ? "" : "noinit_itable,nobarrier";
    if (::mount(device.second.c_str(), target.c_str(), "ext4", flags, options) != 0)
        return system_error("mount " + path.string(), errno);
    return {};
}

}  // namespace

Result<DiskImage> DiskImage::make(const fs::path& path, std::uint64_t bytes, std::uint32_t files, uid_t owner,
                                  const fs::path& templates) {
    DiskImage image = existing(path);
    image.size_ = image_bytes(bytes, files);
    image.files_ = files;
    image.owner_ = owner;
    if (!templates.empty()) {
        const fs::path ready = image_template(templates, bytes, files);
        if (copy_template(ready, path, image.size_) ||
            (make_template(ready, image.size_, files) && copy_template(ready, path, image.size_))) {
            image.template_ = ready;
            return image;
        }
    }
    LABHUB_CHECK(make_file_system(path, image.size_, files));
    return image;
}

DiskImage DiskImage::existing(const fs::path& path) {
    DiskImage image;
    image.path_ = path;
    return image;
}

Result<void> DiskImage::mount(const fs::path& target, bool read_only) {
    auto mounted = mount_image(path_, target, read_only);
    if (!mounted && !template_.empty() && mounted.error().code != ErrorCode::unsupported) {
        std::error_code ignored;
        fs::remove(std::exchange(template_, {}), ignored);
        fs::remove(path_, ignored);
        LABHUB_CHECK(make_file_system(path_, size_, files_));
        mounted = mount_image(path_, target, read_only);
    }
    LABHUB_CHECK(std::move(mounted));
    if (owner_ && ::chown(target.c_str(), *owner_, *owner_) != 0)
        return system_error("give the output folder to the script", errno);
    // A script should find its output folder empty.
    if (!read_only) ::rmdir((target / "lost+found").c_str());
    return {};
}

fs::path image_template(const fs::path& folder, std::uint64_t bytes, std::uint32_t files) {
    return folder / (std::string(kTemplatePrefix) + std::to_string(image_bytes(bytes, files)) + "-" +
                     std::to_string(files) + ".img");
}

std::uint64_t image_bytes(std::uint64_t bytes, std::uint32_t files) {
    return (bytes + files * kInodeBytes + bytes / 256 + kFixedOverhead + kBlock - 1) / kBlock * kBlock;
}

bool is_image_in_use(const fs::path& image) {
    std::error_code failure;
    const auto wanted = fs::canonical(image, failure).string();
    for (const auto& device : fs::directory_iterator("/sys/block", failure)) {
        if (!device.path().filename().string().starts_with("loop")) continue;
        const auto backing = read_file(device.path() / "loop/backing_file", 8192);
        if (backing && trim(*backing) == wanted) return true;
    }
    return false;
}

bool is_file_system_full(const fs::path& folder) {
    struct statvfs facts {};
    if (::statvfs(folder.c_str(), &facts) != 0) return false;
    const std::uint64_t size = facts.f_blocks * facts.f_frsize;
    return facts.f_bavail * facts.f_frsize < std::min(kFullBelow, size / kFullPart) || facts.f_ffree == 0;
}

}  // namespace labhub::coordinator::runner
