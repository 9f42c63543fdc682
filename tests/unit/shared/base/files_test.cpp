#include "shared/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"

namespace labhub {
namespace {

class Files : public ::testing::Test {
  protected:
    Files() { std::filesystem::create_directories(folder); }
    ~Files() override { std::filesystem::remove_all(folder); }
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("labhub-files-" + random_hex(6));
};

TEST_F(Files, ReplacesAFileAsAWholeWithItsMode) {
    const auto path = folder / "token";
    ASSERT_TRUE(write_file(path, "first", 0600));
    ASSERT_TRUE(write_file(path, std::string(100'000, 'x'), 0600));
    EXPECT_EQ(read_file(path).value(), std::string(100'000, 'x'));
    struct stat about {};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "no temporary file is left";
}

TEST_F(Files, NamesTheFileThatFailed) {
    const auto missing = read_file(folder / "none");
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_NE(missing.error().message.find("none"), std::string::npos);
    EXPECT_EQ(write_file(folder / "no" / "where", "x").error().code, ErrorCode::not_found);
    EXPECT_FALSE(write_file(folder, "x")) << "a folder can't be replaced by a file";
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.parent_path()), {}) > 0, true);
}

TEST_F(Files, StopsReadingAtItsLimit) {
    ASSERT_TRUE(write_file(folder / "large", std::string(1'000, 'x')));
    EXPECT_TRUE(read_file(folder / "large", 1'000));
    EXPECT_EQ(read_file(folder / "large", 999).error().code, ErrorCode::too_large);
    EXPECT_EQ(read_file("/dev/zero", 100'000).error().code, ErrorCode::too_large);
}

TEST_F(Files, MakesAFolderWithItsParents) {
    ASSERT_TRUE(make_folder(folder / "a" / "b", 0700));
    ASSERT_TRUE(make_folder(folder / "a" / "b", 0755)) << "an existing one is fine";
    struct stat about {};
    ASSERT_EQ(::stat((folder / "a" / "b").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0700u);
    ASSERT_TRUE(write_file(folder / "file", "x"));
    EXPECT_FALSE(make_folder(folder / "file"));
    EXPECT_FALSE(make_folder(folder / "file" / "below"));
}

TEST(UniqueFd, ClosesOnceAndMoves) {
    UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = first.get();
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), number);
    second = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_NE(::fcntl(second.get(), F_GETFD), -1);
    const int last = second.get();
    second.reset();
    EXPECT_EQ(::fcntl(last, F_GETFD), -1);
    second.reset();
}

}  // namespace
}  // namespace labhub
