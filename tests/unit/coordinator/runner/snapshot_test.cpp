#include "coordinator/runner/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

class SnapshotTest : public testing::Test {
  protected:
    void SetUp() override { fs::create_directories(output_); }
    void TearDown() override { fs::remove_all(base_); }

    OutputBounds bounds(std::uint64_t bytes = 1u << 20) const { return {bytes, 1'000, ::geteuid(), ::getegid()}; }
    SnapshotTaken take(Snapshot& snapshot, std::uint64_t bytes = 1u << 20) {
        std::optional<SnapshotTaken> taken;
        snapshot.take(output_, bounds(bytes), [&](SnapshotTaken one) { taken = std::move(one); });
        wait_for(taken);
        return taken.value_or(SnapshotTaken{});
    }
    void wait_for(const std::optional<SnapshotTaken>& taken) {
        const auto until = Steady::now() + std::chrono::seconds{60};
        while (!taken && Steady::now() < until) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds{20});
        }
        ASSERT_TRUE(taken) << "no answer within a minute";
    }

    asio::io_context context_;
    const fs::path base_ = fs::temp_directory_path() / ("labhub-snapshot-" + random_hex(6));
    const fs::path job_ = base_ / "job", output_ = base_ / "output";
};

TEST_F(SnapshotTest, CopiesWhatThereIsAndReplacesItWithTheNext) {
    fs::create_directories(job_);
    Snapshot snapshot(context_.get_executor(), folders_of(job_));
    fs::create_directories(output_ / "a");
    std::ofstream(output_ / "a/b.csv") << "1";
    const auto first = take(snapshot);
    EXPECT_EQ(first.failure, "");
    EXPECT_EQ(first.files, 2u);
    EXPECT_GT(first.time.count, 0);
    EXPECT_EQ(read_file(job_ / "partial/output/a/b.csv").value(), "1");
    fs::remove_all(output_ / "a");
    std::ofstream(output_ / "c") << "23";
    EXPECT_EQ(take(snapshot).bytes, 2u);
    EXPECT_FALSE(fs::exists(job_ / "partial/output/a"));
    EXPECT_TRUE(fs::exists(output_ / "c")) << "the script's own files are left alone";
}

TEST_F(SnapshotTest, LeavesOutLinksAndFifosAndWhatIsTooLarge) {
    fs::create_directories(job_);
    fs::create_symlink("/etc/passwd", output_ / "link");
    fs::create_directory_symlink("/etc", output_ / "folder");
    ASSERT_EQ(::mkfifo((output_ / "fifo").c_str(), 0644), 0);
    std::ofstream(output_ / "large") << std::string(2'000, 'x');
    Snapshot snapshot(context_.get_executor(), folders_of(job_));
    const auto taken = take(snapshot, 1'000);
    EXPECT_EQ(taken.failure, "");
    EXPECT_EQ(taken.notes.size(), 4u);
    EXPECT_TRUE(fs::is_empty(job_ / "partial/output"));
}

TEST_F(SnapshotTest, AnswersTwoAsksWithOneCopy) {
    fs::create_directories(job_);
    std::ofstream(output_ / "a") << "1";
    Snapshot snapshot(context_.get_executor(), folders_of(job_));
    std::optional<SnapshotTaken> first, second;
    snapshot.take(output_, bounds(), [&](SnapshotTaken one) { first = std::move(one); });
    snapshot.take(output_, bounds(), [&](SnapshotTaken one) { second = std::move(one); });
    wait_for(second);
    EXPECT_FALSE(first) << "the last one who asked is answered";
}

TEST_F(SnapshotTest, IsGivenUpInTheMiddleOfALargeFile) {
    fs::create_directories(job_);
    std::ofstream(output_ / "large") << std::string(64u << 20, 'x');
    Snapshot snapshot(context_.get_executor(), folders_of(job_));
    bool is_told = false;
    snapshot.take(output_, bounds(1u << 30), [&](SnapshotTaken) { is_told = true; });
    snapshot.stop();
    context_.run();
    EXPECT_FALSE(is_told);
    // And it can be asked again.
    EXPECT_EQ(take(snapshot, 1u << 30).failure, "");
}

TEST_F(SnapshotTest, SaysWhyThereIsNone) {
    fs::remove_all(output_);
    fs::create_directories(job_);
    Snapshot of_nothing(context_.get_executor(), folders_of(job_));
    EXPECT_NE(take(of_nothing).failure, "");
}

}  // namespace
}  // namespace labhub::coordinator::runner
