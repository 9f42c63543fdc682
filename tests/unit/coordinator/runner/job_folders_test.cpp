#include "coordinator/runner/job_folders.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "coordinator/runner/log_file.hpp"
#include "coordinator/runner/result_folder.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// Root's work for the user nobody: JOB_DIR is nobody's, the sandbox's folder and a file `secret` root's.
class FoldersApart : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "acting as another user needs root";
        const passwd* const nobody = ::getpwnam("nobody");
        ASSERT_NE(nobody, nullptr);
        folders_ = {base_ / "job", base_ / "sandboxes/job", {nobody->pw_uid, nobody->pw_gid}, true, {}};
        fs::create_directories(folders_.job);
        fs::create_directories(base_ / "sandboxes");
        ::chmod(base_.c_str(), 0755);
        ASSERT_EQ(::chown(folders_.job.c_str(), folders_.owner.user, folders_.owner.group), 0);
        ASSERT_TRUE(write_file(secret(), "secret", 0600));
    }
    void TearDown() override { fs::remove_all(base_); }
    fs::path secret() const { return base_ / "secret"; }
    uid_t owner_of(const fs::path& path) const {
        struct stat facts {};
        return ::lstat(path.c_str(), &facts) == 0 ? facts.st_uid : static_cast<uid_t>(-1);
    }

    fs::path base_ = fs::temp_directory_path() / ("labhub-apart-" + random_hex(6));
    JobFolders folders_;
};

TEST_F(FoldersApart, ActingAsSomebodyIsHavingTheirRights) {
    std::promise<void> acting;
    std::thread other([&] {
        acting.get_future().wait();
        EXPECT_TRUE(read_file(secret())) << "a thread that was there before is who it was";
    });
    {
        const ActingAs owner{folders_.owner};
        acting.set_value();
        other.join();
        EXPECT_EQ(::geteuid(), folders_.owner.user);
        EXPECT_FALSE(read_file(secret()));
        {
            const ActingAs us{ourselves()};
            EXPECT_TRUE(read_file(secret())) << "root's rights are back";
        }
        EXPECT_FALSE(read_file(secret()));
    }
    EXPECT_EQ(::geteuid(), 0u);
    EXPECT_TRUE(read_file(secret()));
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
}

TEST_F(FoldersApart, StateIsKnownFromWhereOnlyRootWrites) {
    const auto lock = claim_job(folders_);
    ASSERT_TRUE(lock) << lock.error().to_string();
    RunnerState state;
    state.job_id = JobId{"job"};
    state.runtime_program = "/usr/bin/crun";
    ASSERT_TRUE(record_state(folders_, state));
    EXPECT_EQ(owner_of(folders_.job / "runner.json"), folders_.owner.user);
    EXPECT_EQ(owner_of(folders_.sandbox / "runner.json"), 0u);
    RunnerState forged = state;
    forged.runtime_program = "/tmp/evil";
    forged.phase = Phase::running;
    ASSERT_TRUE(write_runner_state(folders_.job, forged));
    EXPECT_EQ(known_state(folders_)->runtime_program, "/usr/bin/crun");
    fs::remove_all(folders_.sandbox);
    EXPECT_EQ(known_state(folders_)->runtime_program, "") << "nothing that its owner wrote is to be started";
}

TEST_F(FoldersApart, LockIsOneThatTheOwnerCanNotTakeAway) {
    const auto lock = lock_job(folders_);
    ASSERT_TRUE(lock) << lock.error().to_string();
    EXPECT_TRUE(is_runner_alive(folders_.job));
    fs::remove(folders_.job / "runner.lock");
    EXPECT_EQ(lock_job(folders_).error().code, ErrorCode::conflict);
}

TEST_F(FoldersApart, LogsAndResultsAreTheOwnersAndLinksLeadNoFurther) {
    fs::create_symlink(secret(), folders_.job / "stdout.txt");
    EXPECT_FALSE(LogFile::open(folders_.job / "stdout.txt", 1024, folders_.owner));
    fs::remove(folders_.job / "stdout.txt");
    auto log = LogFile::open(folders_.job / "stdout.txt", 1024, folders_.owner);
    ASSERT_TRUE(log);
    log->write(std::string(4096, 'x'));
    log->finish();
    EXPECT_EQ(owner_of(folders_.job / "stdout.txt"), folders_.owner.user);

    fs::create_directories(base_ / "written");
    ASSERT_TRUE(write_file(base_ / "written/kept.txt", "kept", 0600));
    fs::create_directories(base_ / "elsewhere");
    ASSERT_TRUE(write_file(base_ / "elsewhere/precious", "precious"));
    fs::create_symlink(base_ / "elsewhere", folders_.job / "output");
    fs::create_symlink(secret(), folders_.job / "exitcode.txt");
    RunnerState state;
    state.ended = Ended{};
    ASSERT_TRUE(lock_job(folders_));
    const auto completed = complete_result(folders_, Limits{}, base_ / "written", state);
    ASSERT_TRUE(completed) << completed.error().to_string();
    EXPECT_EQ(*read_file(base_ / "elsewhere/precious"), "precious");
    EXPECT_EQ(*read_file(secret()), "secret");
    EXPECT_EQ(*read_file(folders_.job / "output/kept.txt"), "kept") << "what only root could read was brought out";
    for (const char* name : {"output", "output/kept.txt", "exitcode.txt", "stderr.txt", "runner.json"})
        EXPECT_EQ(owner_of(folders_.job / name), folders_.owner.user) << name;
}

TEST_F(FoldersApart, FolderThatLeadsElsewhereIsRefused) {
    fs::create_directories(base_ / "roots");
    ::chmod((base_ / "roots").c_str(), 0755);
    folders_.job = base_ / "link";
    fs::create_symlink(base_ / "roots", folders_.job);
    RunnerState state;
    state.ended = Ended{};
    EXPECT_FALSE(lock_job(folders_));
    EXPECT_FALSE(complete_result(folders_, Limits{}, {}, state));
    EXPECT_TRUE(fs::is_empty(base_ / "roots"));
}

}  // namespace
}  // namespace labhub::coordinator::runner
