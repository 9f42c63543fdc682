#include "coordinator/images/listing.hpp"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNever = std::int64_t{1} << 62;

class Tree : public ::testing::Test {
  protected:
    void SetUp() override {
        root_ = fs::temp_directory_path() / ("labhub-listing-" + random_hex(6));
        fs::create_directories(root_ / "usr/bin");
        ASSERT_TRUE(write_file(root_ / "usr/bin/tool", "abc", 0555));
        ASSERT_TRUE(write_file(root_ / "usr/odd name\n%", "", 0444));
        fs::create_symlink("usr/bin", root_ / "bin");
    }
    void TearDown() override { fs::remove_all(root_); }
    fs::path root_;
};

TEST_F(Tree, IsReadBackFromItsText) {
    const auto listing = list_tree(root_, Depth::contents);
    ASSERT_TRUE(listing) << listing.error().to_string();
    EXPECT_EQ(listing->at("usr/bin/tool").content, sha256_hex("abc"));
    EXPECT_EQ(listing->at("bin").content, "usr/bin");
    const auto again = parse_listing(to_text(*listing));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *listing);
    EXPECT_TRUE(parse_listing("f 0444 x\n").error().code == ErrorCode::corrupt);
}

TEST_F(Tree, DependsOnNoTimeAndNoOrder) {
    const auto before = to_text(*list_tree(root_, Depth::contents));
    const fs::path copy = root_.string() + "-copy";
    fs::copy(root_, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    fs::last_write_time(copy / "usr/bin/tool", fs::file_time_type::min() + std::chrono::hours(1));
    EXPECT_EQ(to_text(*list_tree(copy, Depth::contents)), before);
    fs::remove_all(copy);
}

TEST_F(Tree, TellsEachKindOfDifference) {
    const Listing wanted = *list_tree(root_, Depth::contents);
    const auto change = [&] {
        const auto changes = changes_since(root_, wanted, kNever, 1);
        return changes && !changes->empty() ? changes->front() : std::string{};
    };
    EXPECT_EQ(change(), "");
    ASSERT_TRUE(write_file(root_ / "usr/bin/tool", "abcd", 0555));
    EXPECT_EQ(change(), "usr/bin/tool has 4 bytes, not 3");
    ASSERT_TRUE(write_file(root_ / "usr/bin/tool", "abc", 0755));
    EXPECT_EQ(change(), "usr/bin/tool has mode 0755, not 0555");
    fs::remove(root_ / "usr/bin/tool");
    EXPECT_EQ(change(), "usr/bin/tool is missing");
    ASSERT_TRUE(write_file(root_ / "usr/bin/tool", "abc", 0555));
    ASSERT_TRUE(write_file(root_ / "usr/more", "", 0444));
    EXPECT_EQ(change(), "usr/more was added");
    fs::remove(root_ / "usr/more");
    fs::remove(root_ / "bin");
    fs::create_symlink("usr/sbin", root_ / "bin");
    EXPECT_EQ(change(), "bin leads to usr/sbin, not to usr/bin");
}

TEST_F(Tree, ReadsAFileOfTheSameSizeThatWasTouched) {
    const Listing wanted = *list_tree(root_, Depth::contents);
    ASSERT_TRUE(write_file(root_ / "usr/bin/tool", "abX", 0555));
    EXPECT_TRUE(changes_since(root_, wanted, kNever, 5)->empty());
    const auto changes = changes_since(root_, wanted, 0, 5);
    ASSERT_EQ(changes->size(), 1u);
    EXPECT_EQ(changes->front(), "usr/bin/tool has other contents");
}

}  // namespace
}  // namespace labhub::coordinator::images
