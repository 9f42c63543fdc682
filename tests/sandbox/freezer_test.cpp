// The kernel's own switch, in each version of cgroups that this host has.

#include "coordinator/runner/freezer.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

#include "shared/base/clock.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool becomes(const std::function<bool()>& true_thing) {
    const auto deadline = Steady::now() + 20s;
    while (!true_thing() && Steady::now() < deadline) std::this_thread::sleep_for(5ms);
    return true_thing();
}

/// A cgroup with one busy process in it, in the hierarchy of each version that can freeze.
class TheFreezer : public ::testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "making a cgroup needs root";
        for (const char* root : {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
            folder_ = fs::path(root) / ("labhub-freezer-" + random_hex(4));
            std::error_code failure;
            if (!fs::is_directory(root) || !fs::create_directory(folder_, failure)) continue;
            const auto freezer = Freezer::of(folder_);
            if (freezer && freezer->version() == GetParam()) break;
            fs::remove(folder_, failure);
            folder_.clear();
        }
        if (folder_.empty()) GTEST_SKIP() << "this host has no freezer of cgroup version " << GetParam();
        member_ = ::fork();
        if (member_ == 0)
            for (volatile int n = 0;; n = n + 1) {
            }
        ASSERT_TRUE(write_procs());
    }
    void TearDown() override {
        if (member_ > 0) ::kill(member_, SIGKILL);
        if (folder_.empty()) return;
        (void)Freezer::of(folder_)->thaw();
        if (member_ > 0) ::waitpid(member_, nullptr, 0);
        EXPECT_TRUE(becomes([&] { return ::rmdir(folder_.c_str()) == 0 || errno == ENOENT; }));
    }
    bool write_procs() const {
        std::FILE* const file = std::fopen((folder_ / "cgroup.procs").c_str(), "we");
        if (!file) return false;
        std::fprintf(file, "%d", member_);
        return std::fclose(file) == 0;
    }
    std::string processor_time() const {
        const auto stat = read_file("/proc/" + std::to_string(member_) + "/stat").value_or("");
        return stat.substr(stat.rfind(')') + 2 + 23);
    }

    fs::path folder_;
    pid_t member_ = -1;
};

TEST_P(TheFreezer, StopsAndLetsGoOn) {
    const auto freezer = Freezer::of(folder_);
    ASSERT_TRUE(freezer);
    EXPECT_FALSE(freezer->is_frozen());
    ASSERT_TRUE(freezer->freeze());
    ASSERT_TRUE(becomes([&] { return freezer->is_frozen(); }));
    const auto before = processor_time();
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(processor_time(), before);
    ASSERT_TRUE(freezer->thaw());
    EXPECT_TRUE(becomes([&] { return !freezer->is_frozen() && processor_time() != before; }));
}

TEST_P(TheFreezer, GuardThawsWhatItsOwnerLeavesFrozen) {
    const auto freezer = Freezer::of(folder_);
    const pid_t owner = ::fork();
    if (owner == 0) {
        const auto guard = FreezeGuard::set(*freezer);
        ::_exit(guard && freezer->freeze() && becomes([&] { return freezer->is_frozen(); }) ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(owner, &status, 0), owner);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(becomes([&] { return !freezer->is_frozen(); }));
}

TEST_P(TheFreezer, GuardThatIsCalledOffThawsNothing) {
    const auto freezer = Freezer::of(folder_);
    ASSERT_TRUE(freezer->freeze());
    ASSERT_TRUE(becomes([&] { return freezer->is_frozen(); }));
    { ASSERT_TRUE(FreezeGuard::set(*freezer)); }
    EXPECT_TRUE(freezer->is_frozen());
}

TEST_P(TheFreezer, KillReachesWhatIsFrozen) {
    const fs::path mount = folder_.parent_path();
    const auto freezer = Freezer::of(folder_);
    ASSERT_TRUE(freezer->freeze());
    ASSERT_TRUE(becomes([&] { return freezer->is_frozen(); }));
    const Cgroup cgroup{"/" + folder_.filename().string()};
    // Reaped meanwhile, as an init would: what is dead and not reaped is not listed.
    EXPECT_TRUE(cgroup.kill_all(10s));
    int status = 0;
    ASSERT_EQ(::waitpid(std::exchange(member_, -1), &status, 0) > 0, true);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(Freezer, IsFoundWhereTheProcessIs) {
    const auto none = Freezer::find(Cgroup{"/labhub-no-such-group"}, ::getpid());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::unsupported);
}

INSTANTIATE_TEST_SUITE_P(Cgroup, TheFreezer, ::testing::Values(1, 2),
                         [](const auto& version) { return "Version" + std::to_string(version.param); });

}  // namespace
}  // namespace labhub::coordinator::runner::test
