#include "coordinator/domain/telemetry/export_zip.hpp"

#include <cstdint>

#include <archive.h>
#include <archive_entry.h>

namespace labhub::coordinator::telemetry {

class ZipStream::Impl {
  public:
    std::unique_ptr<archive, decltype(&archive_write_free)> writer{archive_write_new(), &archive_write_free};
    std::string output;

    Result<void> check(int status) const {
        if (status >= ARCHIVE_WARN) return {};
        const char* const text = archive_error_string(writer.get());
        return Error{ErrorCode::internal, std::string("pack the export: ") + (text ? text : "unknown failure")};
    }
    static la_ssize_t append(archive*, void* self, const void* bytes, std::size_t size) {
        static_cast<Impl*>(self)->output.append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    }
};

ZipStream::ZipStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZipStream::~ZipStream() = default;

Result<std::unique_ptr<ZipStream>> ZipStream::open() {
    auto impl = std::make_unique<Impl>();
    archive* const writer = impl->writer.get();
    LABHUB_CHECK(impl->check(archive_write_set_format_zip(writer)));
    LABHUB_CHECK(impl->check(archive_write_set_options(writer, "zip:compression=deflate,zip:hdrcharset=UTF-8")));
    LABHUB_CHECK(impl->check(archive_write_set_bytes_in_last_block(writer, 1)));
    LABHUB_CHECK(impl->check(archive_write_open(writer, impl.get(), nullptr, &Impl::append, nullptr)));
    return std::unique_ptr<ZipStream>(new ZipStream(std::move(impl)));
}

Result<void> ZipStream::begin_file(const std::string& name, std::int64_t seconds) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry{archive_entry_new(), &archive_entry_free};
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), seconds, 0);
    return impl_->check(archive_write_header(impl_->writer.get(), entry.get()));
}

Result<void> ZipStream::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const la_ssize_t taken = archive_write_data(impl_->writer.get(), bytes.data(), bytes.size());
        if (taken <= 0) return impl_->check(ARCHIVE_FATAL);
        bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
    return {};
}

Result<void> ZipStream::finish() { return impl_->check(archive_write_close(impl_->writer.get())); }
std::size_t ZipStream::ready() const { return impl_->output.size(); }
std::string ZipStream::take() { return std::exchange(impl_->output, {}); }

}  // namespace labhub::coordinator::telemetry
