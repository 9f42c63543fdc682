#include "tests/unit/coordinator/cli/zip_file.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "shared/base/ids.hpp"

namespace labhub::cli::testing {

void write_zip(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& files) {
    archive* const zip = archive_write_new();
    archive_write_set_format_zip(zip);
    archive_write_open_filename(zip, path.c_str());
    for (const auto& [name, content] : files) {
        archive_entry* const entry = archive_entry_new();
        archive_entry_set_pathname(entry, name.c_str());
        archive_entry_set_perm(entry, 0644);
        if (content.starts_with("-> ")) {
            archive_entry_set_filetype(entry, AE_IFLNK);
            archive_entry_set_symlink(entry, content.c_str() + 3);
        } else {
            archive_entry_set_filetype(entry, AE_IFREG);
            archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
        }
        archive_write_header(zip, entry);
        if (!content.starts_with("-> ")) archive_write_data(zip, content.data(), content.size());
        archive_entry_free(entry);
    }
    archive_write_close(zip);
    archive_write_free(zip);
}

TestFolder::TestFolder() : path_(std::filesystem::path(::testing::TempDir()) / ("labhub-cli-" + new_id())) {
    std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
}

}  // namespace labhub::cli::testing
