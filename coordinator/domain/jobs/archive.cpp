#include "coordinator/domain/jobs/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include <archive.h>
#include <archive_entry.h>

#include "shared/base/files.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

using ArchiveWriter = std::unique_ptr<archive, decltype(&archive_write_free)>;
using ArchiveEntry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

Error archive_error(archive* writer, const std::string& doing) {
    const int number = archive_errno(writer);
    const char* const text = archive_error_string(writer);
    Error error = system_error(doing, number);
    if (text) error.message = doing + ": " + text;
    return error;
}

Result<void> add_file(archive* writer, const fs::path& path, const std::string& name) {
    // O_NOFOLLOW: what was a file when the folder was listed must not be a link now.
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file) return system_error("open " + path.string(), errno);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("stat " + path.string(), errno);
    if (!S_ISREG(info.st_mode)) return {};
    const ArchiveEntry entry{archive_entry_new(), &archive_entry_free};
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), info.st_size);
    archive_entry_set_mtime(entry.get(), info.st_mtime, 0);
    if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return archive_error(writer, "pack " + name);
    std::array<char, 65536> chunk{};
    off_t left = info.st_size;  // the file may grow meanwhile; its header promised this much
    while (left > 0) {
        const ssize_t got = ::read(file.get(), chunk.data(), std::min<std::size_t>(chunk.size(), static_cast<std::size_t>(left)));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return system_error("read " + path.string(), got < 0 ? errno : EIO);
        if (archive_write_data(writer, chunk.data(), static_cast<std::size_t>(got)) < 0) return archive_error(writer, "pack " + name);
        left -= got;
    }
    return {};
}

Result<void> add_tree(archive* writer, const fs::path& folder, const std::string& entry) {
    const fs::path root = folder / entry;
    std::error_code failure;
    const auto status = fs::symlink_status(root, failure);
    if (fs::is_regular_file(status)) return add_file(writer, root, entry);
    if (!fs::is_directory(status)) return {};
    fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied, failure), end;
    for (; !failure && walk != end; walk.increment(failure)) {
        if (!fs::is_regular_file(walk->symlink_status(failure))) continue;
        LABHUB_CHECK(add_file(writer, walk->path(), fs::relative(walk->path(), folder, failure).generic_string()));
    }
    if (failure) return system_error("list " + root.string(), failure.value());
    return {};
}

}  // namespace

Result<void> write_zip(const fs::path& folder, const std::vector<std::string>& entries, const fs::path& target) {
    const fs::path temporary = target.string() + ".tmp";
    const ArchiveWriter writer{archive_write_new(), &archive_write_free};
    archive_write_set_format_zip(writer.get());
    archive_write_set_options(writer.get(), "zip:compression=deflate,zip:hdrcharset=UTF-8");
    if (archive_write_open_filename(writer.get(), temporary.c_str()) != ARCHIVE_OK) return archive_error(writer.get(), "create " + temporary.string());
    Result<void> packed;
    for (const auto& entry : entries)
        if (packed) packed = add_tree(writer.get(), folder, entry);
    if (packed && archive_write_close(writer.get()) != ARCHIVE_OK) packed = archive_error(writer.get(), "finish " + temporary.string());
    std::error_code failure;
    if (packed) fs::rename(temporary, target, failure);
    if (packed && failure) packed = system_error("rename to " + target.string(), failure.value());
    if (!packed) fs::remove(temporary, failure);
    return packed;
}

}  // namespace labhub::coordinator::jobs
