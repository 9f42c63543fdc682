#include "coordinator/runner/log_file.hpp"

#include <random>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

class LogFiles : public ::testing::Test {
  protected:
    void TearDown() override {
        std::filesystem::remove(path_);
        std::filesystem::remove(tail_);
    }
    std::string text() const { return read_file(path_).value_or("(no file)"); }
    std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("labhub-log-" + random_hex(6));
    std::filesystem::path tail_ = path_.string() + ".tail";
};

TEST_F(LogFiles, KeepHeadAndTailAndCountTheMiddle) {
    auto log = LogFile::open(path_, 16);
    ASSERT_TRUE(log);
    log->write("12345\n");
    EXPECT_FALSE(log->is_full());
    log->write("7890ABCD");
    EXPECT_TRUE(log->is_full());
    EXPECT_EQ(text(), "12345\n7890AB") << "a follower sees the head and nothing that goes again";
    log->write("EFGH\nxy");
    log->finish();
    EXPECT_EQ(text(),
              "12345\n7890AB\n"
              "[labhub] 7 bytes are left out here: of a longer log the first 12 and the last 4 bytes are kept\nxy");
    EXPECT_FALSE(std::filesystem::exists(tail_));
}

TEST_F(LogFiles, AreJustTheBytesWhenAllFit) {
    for (const std::string bytes : {"", "no newline", "exactly 16 bytes"}) {
        auto log = LogFile::open(path_, 16);
        ASSERT_TRUE(log);
        log->write(bytes);
        log->finish();
        EXPECT_EQ(text(), bytes);
    }
}

TEST_F(LogFiles, KeepTheSameWhateverPiecesItComesIn) {
    std::string all;
    for (int line = 0; line < 3000; ++line) all += "line " + std::to_string(line) + "\n";
    constexpr std::uint64_t kLimit = 4096;
    std::mt19937 chance{7};
    std::string first;
    for (const std::size_t most : {1u, 7u, 1000u, 5000u, 100'000u}) {
        auto log = LogFile::open(path_, kLimit);
        ASSERT_TRUE(log);
        for (std::size_t at = 0; at < all.size();) {
            const std::size_t size = std::min(all.size() - at, 1 + chance() % most);
            log->write(std::string_view(all).substr(at, size));
            at += size;
        }
        log->finish();
        if (first.empty()) first = text();
        EXPECT_EQ(text(), first) << most;
    }
    EXPECT_EQ(first.substr(0, 3072), all.substr(0, 3072));
    const auto note = first.find("[labhub] ");
    const std::string kept = first.substr(first.find('\n', note) + 1);
    EXPECT_TRUE(all.ends_with("\n" + kept)) << kept.substr(0, 100);
    EXPECT_GT(kept.size(), 1000u);
    EXPECT_EQ(std::stoul(first.substr(note + 9)), all.size() - 3072 - kept.size());
}

TEST_F(LogFiles, OfADeadRunnerAreJoinedByWhoeverCollectsAndOnceOnly) {
    {
        auto log = LogFile::open(path_, 16);
        ASSERT_TRUE(log);
        log->write("12345\n7890ABCDEFGH\nxy");
    }
    ASSERT_TRUE(std::filesystem::exists(tail_));
    ASSERT_TRUE(join_log_tail(path_));
    const std::string joined = text();
    EXPECT_TRUE(joined.ends_with("\nxy")) << joined;
    ASSERT_TRUE(join_log_tail(path_));
    EXPECT_EQ(text(), joined);
}

TEST_F(LogFiles, ATailThatIsNoneIsSaid) {
    ASSERT_TRUE(write_file(path_, "head"));
    ASSERT_TRUE(write_file(tail_, "nonsense"));
    const auto joined = join_log_tail(path_);
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, ErrorCode::corrupt);
    EXPECT_EQ(text(), "head");
}

}  // namespace
}  // namespace labhub::coordinator::runner
