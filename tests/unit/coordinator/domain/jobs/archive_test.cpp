#include "coordinator/domain/jobs/archive.hpp"

#include <unistd.h>

#include <clocale>
#include <filesystem>
#include <map>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

class Archive : public testing::Test {
  protected:
    void SetUp() override {
        std::setlocale(LC_CTYPE, "C.UTF-8");  // the reader below gives names in the process's own character set
        fs::create_directories(folder_ / "output/plots");
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::map<std::string, std::string> unpacked() const {
        std::map<std::string, std::string> files;
        archive* const reader = archive_read_new();
        archive_read_support_format_zip(reader);
        archive_read_set_options(reader, "hdrcharset=UTF-8");
        EXPECT_EQ(archive_read_open_filename(reader, (folder_ / "results.zip").c_str(), 65536), ARCHIVE_OK);
        archive_entry* entry = nullptr;
        for (int got; (got = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN;) {
            std::string bytes(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
            archive_read_data(reader, bytes.data(), bytes.size());
            files[archive_entry_pathname(entry)] = bytes;
        }
        archive_read_free(reader);
        return files;
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-archive-" + random_hex(4));
};

TEST_F(Archive, PacksFilesAndFoldersAndLeavesOutWhatIsNotThere) {
    ASSERT_TRUE(write_file(folder_ / "stdout.txt", "hello\n"));
    ASSERT_TRUE(write_file(folder_ / "output/data.csv", "a,b\n1,2\n"));
    ASSERT_TRUE(write_file(folder_ / "output/plots/größe.svg", "<svg/>"));
    ASSERT_TRUE(write_file(folder_ / "job.json", "{\"secret\":1}"));
    ASSERT_TRUE(write_zip(folder_, {"stdout.txt", "stderr.txt", "output"}, folder_ / "results.zip"));
    const std::map<std::string, std::string> expected{
        {"stdout.txt", "hello\n"}, {"output/data.csv", "a,b\n1,2\n"}, {"output/plots/größe.svg", "<svg/>"}};
    EXPECT_EQ(unpacked(), expected);
}

TEST_F(Archive, NeverFollowsALink) {
    ASSERT_EQ(::symlink("/etc/passwd", (folder_ / "output/passwd").c_str()), 0);
    ASSERT_EQ(::symlink("/etc", (folder_ / "output/etc").c_str()), 0);
    ASSERT_TRUE(write_file(folder_ / "output/mine.txt", "mine"));
    ASSERT_TRUE(write_zip(folder_, {"output"}, folder_ / "results.zip"));
    EXPECT_EQ(unpacked(), (std::map<std::string, std::string>{{"output/mine.txt", "mine"}}));
}

TEST_F(Archive, NamesThatAreNotTextAreWrittenWithTheirBytes) {
    ASSERT_TRUE(write_file(folder_ / "output/a\nb", "1"));
    ASSERT_TRUE(write_file(folder_ / "output/not-\xff", "2"));
    ASSERT_TRUE(write_zip(folder_, {"output"}, folder_ / "results.zip"));
    EXPECT_EQ(unpacked(), (std::map<std::string, std::string>{{"output/a\nb", "1"}, {"output/not-\\xff", "2"}}));
}

TEST_F(Archive, LeavesNothingHalfWhenItCanNotBeWritten) {
    ASSERT_TRUE(write_file(folder_ / "stdout.txt", "x"));
    const auto written = write_zip(folder_, {"stdout.txt"}, folder_ / "missing" / "results.zip");
    EXPECT_FALSE(written);
    EXPECT_FALSE(fs::exists(folder_ / "missing"));
}

}  // namespace
}  // namespace labhub::coordinator::jobs
