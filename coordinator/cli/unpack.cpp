#include "coordinator/cli/unpack.hpp"

#include <array>
#include <memory>

#include <archive.h>
#include <archive_entry.h>

#include "shared/base/files.hpp"

namespace labhub::cli {
namespace {

struct CloseReader {
    void operator()(archive* from) const { archive_read_free(from); }
};
struct CloseWriter {
    void operator()(archive* to) const { archive_write_free(to); }
};
using Reader = std::unique_ptr<archive, CloseReader>;
using Writer = std::unique_ptr<archive, CloseWriter>;

constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr int kSafely = ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS;

Error wrong(const std::filesystem::path& path, archive* from) {
    const char* const why = archive_error_string(from);
    return Error{ErrorCode::corrupt, path.string() + ": " + (why ? why : "not an archive")};
}

/// Calls `each` for every regular file in the archive; it may read the entry's bytes.
Result<void> walk(const std::filesystem::path& path,
                  const std::function<Result<void>(archive*, archive_entry*)>& each) {
    const Reader reader(archive_read_new());
    archive_read_support_format_zip(reader.get());
    if (archive_read_open_filename(reader.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK)
        return wrong(path, reader.get());
    for (;;) {
        archive_entry* entry = nullptr;
        const int next = archive_read_next_header(reader.get(), &entry);
        if (next == ARCHIVE_EOF) return {};
        if (next < ARCHIVE_WARN) return wrong(path, reader.get());
        if (archive_entry_filetype(entry) == AE_IFREG) LABHUB_CHECK(each(reader.get(), entry));
    }
}

Result<void> copy_bytes(const std::filesystem::path& path, archive* from, archive* to) {
    for (;;) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int got = archive_read_data_block(from, &bytes, &size, &offset);
        if (got == ARCHIVE_EOF) return {};
        if (got < ARCHIVE_WARN) return wrong(path, from);
        if (archive_write_data_block(to, bytes, size, offset) < ARCHIVE_WARN) return wrong(path, to);
    }
}

}  // namespace

Result<void> for_each_archived(const std::filesystem::path& path,
                               const std::function<Result<void>(const std::string&, const NextPiece&)>& each) {
    std::array<char, kBlockBytes> block{};
    return walk(path, [&](archive* from, archive_entry* entry) {
        return each(archive_entry_pathname(entry), [&]() -> Result<std::string_view> {
            const la_ssize_t got = archive_read_data(from, block.data(), block.size());
            if (got < 0) return wrong(path, from);
            return std::string_view(block.data(), static_cast<std::size_t>(got));
        });
    });
}

Result<std::vector<std::string>> list_archive(const std::filesystem::path& path) {
    std::vector<std::string> files;
    LABHUB_CHECK(walk(path, [&](archive*, archive_entry* entry) -> Result<void> {
        files.emplace_back(archive_entry_pathname(entry));
        return {};
    }));
    return files;
}

Result<std::vector<std::string>> unpack_archive(const std::filesystem::path& path,
                                                const std::filesystem::path& folder) {
    LABHUB_CHECK(make_folder(folder));
    // libarchive refuses links in the path it writes to, and the person's own folder may well have one.
    std::error_code failure;
    const std::filesystem::path root = std::filesystem::canonical(folder, failure);
    if (failure) return system_error("open " + folder.string(), failure.value());
    const Writer writer(archive_write_disk_new());
    archive_write_disk_set_options(writer.get(), kSafely);
    std::vector<std::string> files;
    LABHUB_CHECK(walk(path, [&](archive* from, archive_entry* entry) -> Result<void> {
        const std::filesystem::path inside = std::filesystem::path(archive_entry_pathname(entry)).relative_path();
        archive_entry_set_pathname(entry, (root / inside).c_str());
        archive_entry_set_perm(entry, 0644);
        if (archive_write_header(writer.get(), entry) < ARCHIVE_WARN) return wrong(path, writer.get());
        LABHUB_CHECK(copy_bytes(path, from, writer.get()));
        if (archive_write_finish_entry(writer.get()) < ARCHIVE_WARN) return wrong(path, writer.get());
        files.push_back(inside.string());
        return {};
    }));
    return files;
}

}  // namespace labhub::cli
