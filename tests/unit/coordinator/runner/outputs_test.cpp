#include "coordinator/runner/outputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

class Outputs : public ::testing::Test {
  protected:
    void SetUp() override { fs::create_directories(from_); }
    void TearDown() override { fs::remove_all(base_); }
    BroughtOut bring(std::uint64_t bytes = 1u << 20, std::uint32_t files = 100) {
        auto brought = bring_out(from_, to_, {bytes, files, ::geteuid(), ::getegid()});
        EXPECT_TRUE(brought) << (brought ? "" : brought.error().to_string());
        return brought ? std::move(*brought) : BroughtOut{};
    }
    fs::path base_ = fs::temp_directory_path() / ("labhub-outputs-" + random_hex(6));
    fs::path from_ = base_ / "from", to_ = base_ / "to";
};

TEST_F(Outputs, BringsFilesAndFoldersWithPlainModes) {
    fs::create_directories(from_ / "a/b");
    ASSERT_TRUE(write_file(from_ / "a/b/c", "data", 0600));
    ASSERT_TRUE(write_file(from_ / "tool", "#!", 04777));
    const auto brought = bring();
    EXPECT_EQ(brought.files, 4u);
    EXPECT_EQ(brought.bytes, 6u);
    EXPECT_EQ(*read_file(to_ / "a/b/c"), "data");
    struct stat facts {};
    ASSERT_EQ(::stat((to_ / "tool").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0644u);
    EXPECT_TRUE(brought.notes.empty());
}

TEST_F(Outputs, LeavesOutWhatIsNoFileAndSaysSo) {
    fs::create_symlink("/etc/passwd", from_ / "link");
    fs::create_directory_symlink("/etc", from_ / "folder");
    ASSERT_EQ(::mkfifo((from_ / "fifo").c_str(), 0644), 0);
    const auto brought = bring();
    EXPECT_EQ(brought.files, 0u);
    EXPECT_EQ(brought.notes.size(), 3u);
    EXPECT_TRUE(fs::is_empty(to_));
}

TEST_F(Outputs, KeepsHolesAndCountsThem) {
    const UniqueFd file{::open((from_ / "sparse").c_str(), O_WRONLY | O_CREAT, 0644)};
    ASSERT_EQ(::pwrite(file.get(), "end", 3, 900'000), 3);
    const auto brought = bring(1'000'000);
    EXPECT_EQ(brought.bytes, 900'003u);
    struct stat facts {};
    ASSERT_EQ(::stat((to_ / "sparse").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_size, 900'003);
    EXPECT_LT(facts.st_blocks * 512, 100'000);
    const auto bytes = *read_file(to_ / "sparse");
    EXPECT_EQ(bytes.substr(900'000), "end");
    EXPECT_EQ(bytes[1000], '\0');
}

TEST_F(Outputs, StopsAtTheBoundsAndSaysSo) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(write_file(from_ / ("f" + std::to_string(i)), std::string(100, 'x')));
    EXPECT_EQ(bring(550).bytes, 500u);
    EXPECT_EQ(bring(550).notes.size(), 5u);
    EXPECT_EQ(bring(5000, 4).files, 4u);
    EXPECT_EQ(bring(5000, 4).notes.size(), 6u);
}

TEST_F(Outputs, HugeClaimIsLeftOut) {
    const UniqueFd file{::open((from_ / "huge").c_str(), O_WRONLY | O_CREAT, 0644)};
    ASSERT_EQ(::ftruncate(file.get(), 1ll << 40), 0);
    EXPECT_EQ(bring().files, 1u);
    EXPECT_FALSE(fs::exists(to_ / "huge"));
}

TEST_F(Outputs, DepthIsBounded) {
    const UniqueFd start{::open(from_.c_str(), O_RDONLY | O_DIRECTORY)};
    int at = ::dup(start.get());
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(::mkdirat(at, "d", 0755), 0);
        const int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
        ::close(at);
        at = next;
    }
    ::close(at);
    const auto brought = bring(1u << 20, 1000);
    EXPECT_EQ(brought.notes.size(), 1u);
}

TEST_F(Outputs, PathsTooLongToOpenInTheResultAreLeftOut) {
    const std::string long_name(250, 'd');
    fs::path folder = from_;
    for (int i = 0; i < 10; ++i) folder /= long_name;
    fs::create_directories(folder);
    ASSERT_TRUE(write_file(from_ / "kept", "1"));
    const auto brought = bring();
    ASSERT_EQ(brought.notes.size(), 1u);
    EXPECT_NE(brought.notes[0].find("has a path of more than 2048 bytes: left out"), std::string::npos)
        << brought.notes[0];
    EXPECT_LT(brought.notes[0].size(), 200u);
    EXPECT_EQ(*read_file(to_ / "kept"), "1");
}

TEST_F(Outputs, MoreThanAllowedIsSeenByBytesByFilesAndByDepth) {
    ASSERT_TRUE(write_file(from_ / "a", std::string(100'000, 'x')));
    fs::create_directories(from_ / "b/c");
    EXPECT_FALSE(holds_more_than(from_, {1u << 20, 3}));
    EXPECT_TRUE(holds_more_than(from_, {50'000, 3}));
    EXPECT_TRUE(holds_more_than(from_, {1u << 20, 2}));
    UniqueFd at{::open(from_.c_str(), O_RDONLY | O_DIRECTORY)};
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
        at = UniqueFd{::openat(at.get(), "d", O_RDONLY | O_DIRECTORY)};
    }
    EXPECT_TRUE(holds_more_than(from_, {1u << 30, 1u << 20}));
}

TEST_F(Outputs, BringingTwiceGivesTheSame) {
    ASSERT_TRUE(write_file(from_ / "a", "1"));
    bring();
    ASSERT_TRUE(write_file(to_ / "left over", "1"));
    bring();
    EXPECT_FALSE(fs::exists(to_ / "left over"));
    EXPECT_EQ(*read_file(to_ / "a"), "1");
}

TEST_F(Outputs, StrangeNamesAreNames) {
    ASSERT_TRUE(write_file(from_ / "line\nbreak \xff", "1"));
    bring();
    EXPECT_EQ(*read_file(to_ / "line\nbreak \xff"), "1");
}

}  // namespace
}  // namespace labhub::coordinator::runner
