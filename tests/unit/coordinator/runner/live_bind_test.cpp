#include "coordinator/runner/live_bind.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// A process in a mount namespace of its own, as a sandbox's first one is; it looks when it is told to.
class LiveBind : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "mount namespaces need root";
        fs::create_directories(base_ / "source");
        fs::create_directories(base_ / "target");
        std::ofstream(base_ / "source/data.csv") << "a,b";
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        go_ = UniqueFd{ends[1]};
        UniqueFd wait{ends[0]};
        int ready[2];
        ASSERT_EQ(::pipe(ready), 0);
        process_ = ::fork();
        if (process_ == 0) look(wait.get(), ready[1]);
        ::close(ready[1]);
        char byte = 0;
        is_apart_ = ::read(ready[0], &byte, 1) == 1 && byte == 'y';
        ::close(ready[0]);
        if (!is_apart_) GTEST_SKIP() << "unshare(CLONE_NEWNS) is not permitted here";
    }
    void TearDown() override {
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
            ::waitpid(process_, nullptr, 0);
        }
        fs::remove_all(base_);
    }

    /// 0: it sees the file and can't write; else what was wrong.
    [[noreturn]] void look(int wait, int ready) {
        go_.reset();
        const bool apart =
            ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
        (void)!::write(ready, apart ? "y" : "n", 1);
        char byte = 0;
        while (::read(wait, &byte, 1) > 0) {
        }
        const auto seen = read_file(base_ / "target/data.csv");
        if (!seen || *seen != "a,b") ::_exit(1);
        std::ofstream file(base_ / "target/other");
        ::_exit(file.is_open() ? 2 : 0);
    }
    int outcome() {
        go_.reset();
        int status = 0;
        ::waitpid(std::exchange(process_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    const fs::path base_ = fs::temp_directory_path() / ("labhub-bind-" + random_hex(6));
    UniqueFd go_;
    pid_t process_ = 0;
    bool is_apart_ = false;
};

TEST_F(LiveBind, ShowsAFolderToAProcessThatRunsAndToNobodyElse) {
    const auto bound = bind_into(process_, base_ / "source", (base_ / "target").string());
    ASSERT_TRUE(bound) << bound.error().to_string();
    EXPECT_FALSE(fs::exists(base_ / "target/data.csv")) << "it is not mounted here";
    EXPECT_EQ(outcome(), 0);
}

TEST_F(LiveBind, SaysWhatIsMissing) {
    EXPECT_EQ(bind_into(process_, base_ / "nothing", (base_ / "target").string()).error().code, ErrorCode::not_found);
    EXPECT_EQ(bind_into(process_, base_ / "source", (base_ / "nowhere").string()).error().code, ErrorCode::not_found);
    EXPECT_EQ(outcome(), 1);
}

}  // namespace
}  // namespace labhub::coordinator::runner
