#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/unpack.hpp"
#include "shared/base/files.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli {
namespace {

using ::testing::ElementsAre;

TEST(Unpack, WritesTheFilesAndNamesThem) {
    const testing::TestFolder folder;
    testing::write_zip(folder.path() / "r.zip", {{"exitcode.txt", "0\n"}, {"output/a/data.csv", "1,2\n"}});
    const auto files = unpack_archive(folder.path() / "r.zip", folder.path() / "out");
    ASSERT_TRUE(files) << files.error().to_string();
    EXPECT_THAT(*files, ElementsAre("exitcode.txt", "output/a/data.csv"));
    EXPECT_EQ(*read_file(folder.path() / "out/output/a/data.csv"), "1,2\n");
    EXPECT_THAT(*list_archive(folder.path() / "r.zip"), ElementsAre("exitcode.txt", "output/a/data.csv"));
}

TEST(Unpack, WritesNothingOutsideOfTheFolder) {
    const testing::TestFolder folder;
    testing::write_zip(folder.path() / "r.zip", {{"../escaped", "x"}});
    EXPECT_FALSE(unpack_archive(folder.path() / "r.zip", folder.path() / "out"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "escaped"));

    const std::filesystem::path absolute = folder.path() / "absolute";
    testing::write_zip(folder.path() / "r.zip", {{absolute.string(), "x"}});
    ASSERT_TRUE(unpack_archive(folder.path() / "r.zip", folder.path() / "out"));
    EXPECT_FALSE(std::filesystem::exists(absolute));

    testing::write_zip(folder.path() / "r.zip", {{"link", "-> /etc"}, {"link/passwd2", "x"}});
    ASSERT_TRUE(unpack_archive(folder.path() / "r.zip", folder.path() / "out"));
    EXPECT_FALSE(std::filesystem::is_symlink(folder.path() / "out/link"));
}

TEST(Unpack, RefusesWhatIsNoArchive) {
    const testing::TestFolder folder;
    ASSERT_TRUE(write_file(folder.path() / "r.zip", "this is no archive"));
    EXPECT_EQ(list_archive(folder.path() / "r.zip").error().code, ErrorCode::corrupt);
    EXPECT_FALSE(list_archive(folder.path() / "none.zip"));
}

}  // namespace
}  // namespace labhub::cli
