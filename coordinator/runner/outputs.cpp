#include "coordinator/runner/outputs.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "coordinator/runner/acting_as.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::size_t kMaxNotes = 100;
constexpr int kMaxDepth = 64;
/// Longer than this below output/, and a path may be too long to be opened in the result folder (PATH_MAX is 4096).
constexpr std::size_t kMaxName = 2048;
/// Each level costs a descriptor; what is so deep is not kept anyway.
constexpr int kMaxCountedDepth = 256;
constexpr std::size_t kShownName = 120;
constexpr std::size_t kChunk = 1u << 20;
/// Up to this many files are each made durable; of more, the file system is asked once for all.
constexpr std::uint32_t kSyncEach = 32;

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

/// In this file what was written in the sandbox is opened as ourselves, as its owner exists nowhere else; what is
/// written, as whom the caller acts as.
Folder open_folder(int parent, const char* name) {
    const ActingAs us{ourselves()};
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return nullptr;
    Folder folder{::fdopendir(fd)};
    if (!folder) ::close(fd);
    return folder;
}

bool look_at(int parent, const char* name, struct stat& facts) {
    const ActingAs us{ourselves()};
    return ::fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Non-blocking: were it a fifo after all, open would wait for ever.
UniqueFd open_file(int parent, const char* name) {
    const ActingAs us{ourselves()};
    return UniqueFd{::openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
}

const char* kind_name(mode_t mode) {
    if (S_ISLNK(mode)) return "a symbolic link";
    if (S_ISFIFO(mode)) return "a fifo";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

class Copier {
  public:
    explicit Copier(const OutputBounds& bounds) : bounds_(bounds), buffer_(kChunk) {}
    BroughtOut out;

    /// Only the host's own trouble (no room) is an error; it ends the copy.
    Result<void> folder(DIR* from, int to, const std::string& name, int depth) {
        while (const dirent* entry = ::readdir(from)) {
            const std::string_view own = entry->d_name;
            if (own == "." || own == "..") continue;
            LABHUB_CHECK(entry_of(from, to, entry->d_name, name + "/" + entry->d_name, depth));
        }
        return {};
    }

    void close_notes() {
        if (left_out_ > kMaxNotes)
            out.notes.push_back("and " + std::to_string(left_out_ - kMaxNotes) + " more were left out");
    }

  private:
    void note(const std::string& name, const std::string& why) {
        if (++left_out_ <= kMaxNotes) out.notes.push_back(printable(name) + " " + why + ": left out");
    }

    Result<void> go_on() const {
        if (!bounds_.stop || !*bounds_.stop) return {};
        return Error{ErrorCode::conflict, "it was given up"};
    }

    Result<void> entry_of(DIR* from, int to, const char* own, const std::string& name, int depth) {
        LABHUB_CHECK(go_on());
        struct stat facts {};
        if (!look_at(::dirfd(from), own, facts)) {
            note(name, std::string("can't be read (") + std::strerror(errno) + ")");
            return {};
        }
        if (!S_ISDIR(facts.st_mode) && !S_ISREG(facts.st_mode)) {
            note(name, std::string("is ") + kind_name(facts.st_mode));
            return {};
        }
        if (name.size() > kMaxName) {
            note(name.substr(0, kShownName) + "…", "has a path of more than " + std::to_string(kMaxName) + " bytes");
            return {};
        }
        if (out.files >= bounds_.files) {
            note(name, "is one file too many (at most " + std::to_string(bounds_.files) + ")");
            return {};
        }
        ++out.files;
        return S_ISDIR(facts.st_mode) ? subfolder(from, to, own, name, depth) : file(from, to, own, name);
    }

    Result<void> subfolder(DIR* from, int to, const char* own, const std::string& name, int depth) {
        if (depth + 1 >= kMaxDepth) {
            note(name, "is more than " + std::to_string(kMaxDepth) + " folders deep");
            return {};
        }
        const Folder source = open_folder(::dirfd(from), own);
        if (!source) {
            note(name, std::string("can't be read (") + std::strerror(errno) + ")");
            return {};
        }
        if (::mkdirat(to, own, 0755) != 0) return system_error("create " + printable(name), errno);
        const UniqueFd target{::openat(to, own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!target) return system_error("open " + printable(name), errno);
        own_it(target.get(), 0755);
        return folder(source.get(), target.get(), name, depth + 1);
    }

    Result<void> file(DIR* from, int to, const char* own, const std::string& name) {
        const UniqueFd source = open_file(::dirfd(from), own);
        struct stat facts {};
        if (!source || ::fstat(source.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
            note(name, std::string("can't be read (") + std::strerror(errno) + ")");
            return {};
        }
        if (static_cast<std::uint64_t>(facts.st_size) > bounds_.bytes - out.bytes) {
            note(name, "of " + std::to_string(facts.st_size) + " bytes exceeds what is kept in all (" +
                           std::to_string(bounds_.bytes) + " bytes)");
            return {};
        }
        const UniqueFd target{::openat(to, own, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
        if (!target) return system_error("create " + printable(name), errno);
        LABHUB_CHECK(bytes(source.get(), target.get(), name, facts.st_size));
        own_it(target.get(), 0644);
        if (bounds_.is_durable && out.files <= kSyncEach) ::fdatasync(target.get());
        return {};
    }

    /// Holes stay holes: copying a sparse file costs what it holds, not what it claims.
    Result<void> bytes(int source, int target, const std::string& name, off_t size) {
        for (off_t at = 0; at < size;) {
            const off_t data = ::lseek(source, at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;
            // It may have grown since its size was weighed: what came then is not taken.
            const off_t from = data < 0 ? at : std::min(data, size);
            const off_t hole = ::lseek(source, from, SEEK_HOLE);
            const off_t to = hole < 0 ? size : std::min(hole, size);
            LABHUB_CHECK(stretch(source, target, name, from, to));
            at = to;
        }
        if (::ftruncate(target, size) != 0) return system_error("write " + printable(name), errno);
        out.bytes += static_cast<std::uint64_t>(size);
        return {};
    }

    Result<void> stretch(int source, int target, const std::string& name, off_t from, off_t to) {
        while (from < to) {
            LABHUB_CHECK(go_on());
            const auto wanted = std::min<std::size_t>(buffer_.size(), static_cast<std::size_t>(to - from));
            const ssize_t got = ::pread(source, buffer_.data(), wanted, from);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0)
                out.notes.push_back(printable(name) + " could only be read in part (" + std::strerror(errno) + ")");
            if (got <= 0) return {};
            for (ssize_t done = 0; done < got;) {
                const ssize_t put =
                    ::pwrite(target, buffer_.data() + done, static_cast<std::size_t>(got - done), from + done);
                if (put < 0 && errno == EINTR) continue;
                if (put < 0) return system_error("write " + printable(name), errno);
                done += put;
            }
            from += got;
        }
        return {};
    }

    void own_it(int fd, mode_t mode) const {
        ::fchmod(fd, mode);
        // Without root everything belongs to us already, and to whom it should.
        if (::geteuid() == 0) (void)!::fchown(fd, bounds_.owner, bounds_.group);
    }

    OutputBounds bounds_;
    std::vector<char> buffer_;
    std::size_t left_out_ = 0;
};

/// False as soon as there is more than `most`. By descriptors, level for level: a path would be too long at some depth,
/// and what lies deeper would not be seen.
bool add_use(DIR* folder, const FolderUse& most, int depth, FolderUse& use) {
    constexpr std::uint64_t kStatBlock = 512;
    if (depth > kMaxCountedDepth) return false;
    while (const dirent* entry = ::readdir(folder)) {
        const std::string_view name = entry->d_name;
        struct stat facts {};
        if (name == "." || name == ".." || !look_at(::dirfd(folder), entry->d_name, facts)) continue;
        use.bytes += static_cast<std::uint64_t>(facts.st_blocks) * kStatBlock;
        if (++use.files > most.files || use.bytes > most.bytes) return false;
        if (!S_ISDIR(facts.st_mode)) continue;
        const Folder below = open_folder(::dirfd(folder), entry->d_name);
        if (below && !add_use(below.get(), most, depth + 1, use)) return false;
    }
    return true;
}

}  // namespace

Result<BroughtOut> bring_out(const std::filesystem::path& from, const std::filesystem::path& to,
                             const OutputBounds& bounds) {
    std::error_code failure;
    std::filesystem::remove_all(to, failure);
    if (failure) return system_error("clear " + to.string(), failure.value());
    LABHUB_CHECK(make_folder(to));
    const UniqueFd target{::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!target) return system_error("open " + to.string(), errno);
    if (::geteuid() == 0) (void)!::fchown(target.get(), bounds.owner, bounds.group);
    const Folder source = open_folder(AT_FDCWD, from.c_str());
    if (!source) return system_error("open " + from.string(), errno);
    Copier copier{bounds};
    auto copied = copier.folder(source.get(), target.get(), "output", 0);
    if (!copied) return copied.error().within("bring out the outputs");
    copier.close_notes();
    if (bounds.is_durable && copier.out.files > kSyncEach) ::syncfs(target.get());
    return std::move(copier.out);
}

bool holds_more_than(const std::filesystem::path& folder, const FolderUse& most) {
    FolderUse use;
    const Folder opened = open_folder(AT_FDCWD, folder.c_str());
    return opened && !add_use(opened.get(), most, 0, use);
}

}  // namespace labhub::coordinator::runner
