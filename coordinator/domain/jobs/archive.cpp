#include "coordinator/domain/jobs/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <set>

#include <archive.h>
#include <archive_entry.h>

#include "shared/base/files.hpp"
#include "shared/base/sha256.hpp"
#include "shared/base/text.hpp"

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

Result<void> begin_entry(archive* writer, const std::string& name, std::int64_t size, std::time_t changed) {
    const ArchiveEntry entry{archive_entry_new(), &archive_entry_free};
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), size);
    archive_entry_set_mtime(entry.get(), changed, 0);
    if (archive_write_header(writer, entry.get()) < ARCHIVE_WARN) return archive_error(writer, "pack " + name);
    return {};
}

Result<void> add_bytes(archive* writer, const std::string& name, std::string_view bytes) {
    if (archive_write_data(writer, bytes.data(), bytes.size()) < 0) return archive_error(writer, "pack " + name);
    return {};
}

/// Nothing when it is no regular file any more.
Result<std::optional<PackedFile>> add_file(archive* writer, const fs::path& path, const std::string& name) {
    // O_NOFOLLOW: what was a file when the folder was listed must not be a link now.
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file) return system_error("open " + path.string(), errno);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("stat " + path.string(), errno);
    if (!S_ISREG(info.st_mode)) return std::optional<PackedFile>{};
    LABHUB_CHECK(begin_entry(writer, name, info.st_size, info.st_mtime));
    Sha256 sum;
    std::array<char, 65536> chunk{};
    off_t left = info.st_size;  // the file may grow meanwhile; its header promised this much
    while (left > 0) {
        const ssize_t got =
            ::read(file.get(), chunk.data(), std::min<std::size_t>(chunk.size(), static_cast<std::size_t>(left)));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return system_error("read " + path.string(), got < 0 ? errno : EIO);
        const std::string_view bytes(chunk.data(), static_cast<std::size_t>(got));
        sum.add(bytes);
        LABHUB_CHECK(add_bytes(writer, name, bytes));
        left -= got;
    }
    return std::optional(PackedFile{name, info.st_size, sum.hex()});
}

Result<void> add_inventory(archive* writer, const fs::path& folder, const std::string& name, const std::string& text) {
    const auto kept = write_file(folder / name, text);
    LABHUB_CHECK(begin_entry(writer, name, static_cast<std::int64_t>(text.size()), std::time(nullptr)));
    LABHUB_CHECK(add_bytes(writer, name, text));
    return kept;
}

std::string text_name(const fs::path& path, const fs::path& folder) {
    const std::string name = path.lexically_relative(folder).generic_string();
    return is_utf8(name) ? name : printable(name, 4 * name.size());
}

}  // namespace

Result<void> for_each_file(const fs::path& folder, const std::vector<std::string>& entries,
                           const std::function<Result<void>(const fs::path&, std::string name)>& visit) {
    Result<void> outcome;
    std::error_code failure;
    const auto visit_one = [&](const fs::path& path) {
        auto visited = visit(path, text_name(path, folder));
        if (!visited && outcome) outcome = std::move(visited);
    };
    for (const auto& entry : entries) {
        const fs::path root = folder / entry;
        const auto status = fs::symlink_status(root, failure);
        if (fs::is_regular_file(status)) visit_one(root);
        if (!fs::is_directory(status)) continue;
        failure.clear();
        fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied, failure), end;
        for (; !failure && walk != end; walk.increment(failure)) {
            std::error_code gone;
            if (fs::is_regular_file(walk->symlink_status(gone))) visit_one(walk->path());
        }
        if (failure && outcome) outcome = system_error("list " + root.string(), failure.value());
    }
    return outcome;
}

Result<void> write_zip(const fs::path& folder, const std::vector<std::string>& entries, const fs::path& target,
                       const Inventory& inventory) {
    const fs::path temporary = target.string() + ".tmp";
    const ArchiveWriter writer{archive_write_new(), &archive_write_free};
    archive_write_set_format_zip(writer.get());
    archive_write_set_options(writer.get(), "zip:compression=deflate,zip:hdrcharset=UTF-8");
    if (archive_write_open_filename(writer.get(), temporary.c_str()) != ARCHIVE_OK)
        return archive_error(writer.get(), "create " + temporary.string());
    std::vector<PackedFile> files;
    std::set<std::string> names{inventory.name};
    const auto add = [&](const fs::path& path, std::string name) -> Result<void> {
        while (!names.insert(name).second) name += '~';
        LABHUB_TRY(auto packed, add_file(writer.get(), path, name));
        if (packed) files.push_back(std::move(*packed));
        return {};
    };
    auto packed = for_each_file(folder, entries, add);
    auto told = add_inventory(writer.get(), folder, inventory.name, inventory.make(files));
    if (!told && packed) packed = std::move(told);
    Result<void> finished;
    if (archive_write_close(writer.get()) != ARCHIVE_OK)
        finished = archive_error(writer.get(), "finish " + temporary.string());
    std::error_code failure;
    if (finished) fs::rename(temporary, target, failure);
    if (finished && failure) finished = system_error("rename to " + target.string(), failure.value());
    if (finished) return packed;
    fs::remove(temporary, failure);
    return finished;
}

}  // namespace labhub::coordinator::jobs
