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

const Inventory kNamesOnly{"inventory.txt", [](const std::vector<PackedFile>& files) {
                               std::string names;
                               for (const auto& file : files) names += file.name + "\n";
                               return names;
                           }};

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
        EXPECT_EQ(files.erase("inventory.txt"), 1u);
        return files;
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-archive-" + random_hex(4));
};

TEST_F(Archive, PacksFilesAndFoldersAndLeavesOutWhatIsNotThere) {
    ASSERT_TRUE(write_file(folder_ / "stdout.txt", "hello\n"));
    ASSERT_TRUE(write_file(folder_ / "output/data.csv", "a,b\n1,2\n"));
    ASSERT_TRUE(write_file(folder_ / "output/plots/größe.svg", "<svg/>"));
    ASSERT_TRUE(write_file(folder_ / "job.json", "{\"secret\":1}"));
    ASSERT_TRUE(write_zip(folder_, {"stdout.txt", "stderr.txt", "output"}, folder_ / "results.zip", kNamesOnly));
    const std::map<std::string, std::string> expected{
        {"stdout.txt", "hello\n"}, {"output/data.csv", "a,b\n1,2\n"}, {"output/plots/größe.svg", "<svg/>"}};
    EXPECT_EQ(unpacked(), expected);
}

TEST_F(Archive, NeverFollowsALink) {
    ASSERT_EQ(::symlink("/etc/passwd", (folder_ / "output/passwd").c_str()), 0);
    ASSERT_EQ(::symlink("/etc", (folder_ / "output/etc").c_str()), 0);
    ASSERT_TRUE(write_file(folder_ / "output/mine.txt", "mine"));
    ASSERT_TRUE(write_zip(folder_, {"output"}, folder_ / "results.zip", kNamesOnly));
    EXPECT_EQ(unpacked(), (std::map<std::string, std::string>{{"output/mine.txt", "mine"}}));
}

TEST_F(Archive, NamesThatAreNotTextAreWrittenWithTheirBytes) {
    ASSERT_TRUE(write_file(folder_ / "output/a\nb", "1"));
    ASSERT_TRUE(write_file(folder_ / "output/not-\xff", "2"));
    ASSERT_TRUE(write_zip(folder_, {"output"}, folder_ / "results.zip", kNamesOnly));
    EXPECT_EQ(unpacked(), (std::map<std::string, std::string>{{"output/a\nb", "1"}, {"output/not-\\xff", "2"}}));
}

TEST_F(Archive, TwoNamesThatReadTheSameAreTwoFiles) {
    ASSERT_TRUE(write_file(folder_ / "output/\xff", "1"));
    ASSERT_TRUE(write_file(folder_ / "output/\\xff", "2"));
    ASSERT_TRUE(write_zip(folder_, {"output"}, folder_ / "results.zip", kNamesOnly));
    const auto files = unpacked();
    EXPECT_TRUE(files.contains("output/\\xff"));
    EXPECT_TRUE(files.contains("output/\\xff~"));
}

TEST_F(Archive, TheInventoryIsToldSizesAndSums) {
    ASSERT_TRUE(write_file(folder_ / "stdout.txt", "abc"));
    std::vector<PackedFile> told;
    const Inventory inventory{"inventory.txt", [&](const std::vector<PackedFile>& files) {
                                  told = files;
                                  return std::string("one file");
                              }};
    ASSERT_TRUE(write_zip(folder_, {"stdout.txt"}, folder_ / "results.zip", inventory));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].name, "stdout.txt");
    EXPECT_EQ(told[0].size, 3);
    EXPECT_EQ(told[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(*read_file(folder_ / "inventory.txt"), "one file");
}

TEST_F(Archive, LeavesNothingHalfWhenItCanNotBeWritten) {
    ASSERT_TRUE(write_file(folder_ / "stdout.txt", "x"));
    const auto written = write_zip(folder_, {"stdout.txt"}, folder_ / "missing" / "results.zip", kNamesOnly);
    EXPECT_FALSE(written);
    EXPECT_FALSE(fs::exists(folder_ / "missing"));
}

}  // namespace
}  // namespace labhub::coordinator::jobs
