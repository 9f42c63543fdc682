#include "coordinator/runner/host_rules.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// A jobs' folder of the user nobody, below a folder that everybody may enter, and rules of root for it.
class HostRulesOf : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "being root for another user needs root";
        fs::create_directories(base_ / "jobs/job-1");
        const passwd* const nobody = ::getpwnam("nobody");
        ASSERT_NE(nobody, nullptr);
        owner_ = {nobody->pw_uid, nobody->pw_gid};
        ::chmod(base_.c_str(), 0755);
        for (const char* folder : {"jobs", "jobs/job-1"})
            ASSERT_EQ(::chown((base_ / folder).c_str(), owner_.user, owner_.group), 0);
        rules_.user = "nobody";
        rules_.jobs = base_ / "jobs";
        rules_.socket = base_ / "jobs.sock";
        rules_.sandboxes = base_ / "sandboxes";
        rules_.images = "/usr/share";
        rules_.python = "/usr/lib";
        rules_.runtimes = {"auto", "/usr/bin/true"};
    }
    void TearDown() override { fs::remove_all(base_); }

    JobSpec example() const {
        JobSpec spec;
        spec.job_id = JobId{"job-1"};
        spec.socket = base_ / "jobs.sock";
        spec.cache_folder = "/tmp/of-the-owner";
        return spec;
    }
    Result<JobSpec> read(const std::function<void(JobSpec&)>& change = {}) const {
        JobSpec spec = example();
        if (change) change(spec);
        const auto folders = folders_of(rules_, "job-1");
        const ActingAs owner{owner_};
        EXPECT_TRUE(write_job_spec(folders->job, spec));
        return as_root([&] { return read_job_spec(rules_, *folders); });
    }
    static Result<JobSpec> as_root(const std::function<Result<JobSpec>()>& work) {
        const ActingAs us{ourselves()};
        return work();
    }

    fs::path base_ = fs::temp_directory_path() / ("labhub-rules-" + random_hex(6));
    Identity owner_;
    HostRules rules_;
};

TEST_F(HostRulesOf, LetPassWhatTheyAllow) {
    const auto spec = read([](JobSpec& asked) {
        asked.runtime = "/usr/bin/true";
        asked.python_path = "/usr/lib";
        asked.root = "/usr/share/doc";
    });
    ASSERT_TRUE(spec) << spec.error().to_string();
    EXPECT_EQ(spec->cache_folder, rules_.sandboxes / ".host") << "where only root writes, whatever the owner says";
}

TEST_F(HostRulesOf, RefuseWhatTheyDoNotAllowAndNameTheRule) {
    const auto refused = [&](const std::function<void(JobSpec&)>& change, const std::string& rule) {
        const auto spec = read(change);
        ASSERT_FALSE(spec) << rule;
        EXPECT_EQ(spec.error().code, ErrorCode::forbidden);
        EXPECT_NE(spec.error().to_string().find(rule), std::string::npos) << spec.error().to_string();
    };
    refused([](JobSpec& spec) { spec.runtime = "crun"; }, "jobs.runtimes");
    refused([](JobSpec& spec) { spec.runtime = "/tmp/evil"; }, "jobs.runtimes");
    refused([](JobSpec& spec) { spec.socket = "/run/systemd/private"; }, "jobs.socket");
    refused([](JobSpec& spec) { spec.python_path = "/root"; }, "jobs.python");
    refused([](JobSpec& spec) { spec.root = "/etc"; }, "images.folder");
    refused([](JobSpec& spec) { spec.root = "/usr/share"; }, "images.folder");
    refused([](JobSpec& spec) { spec.root = "/usr/share/../../etc"; }, "images.folder");
}

TEST_F(HostRulesOf, RefuseAnImageThatOthersCanChange) {
    rules_.images = base_ / "images";
    fs::create_directories(base_ / "images/mine/root");
    ASSERT_EQ(::chown((base_ / "images/mine").c_str(), owner_.user, owner_.group), 0);
    const auto spec = read([&](JobSpec& asked) { asked.root = base_ / "images/mine/root"; });
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, ErrorCode::forbidden);
}

TEST_F(HostRulesOf, RefuseTheSpecificationOfAnotherJob) {
    EXPECT_EQ(read([](JobSpec& spec) { spec.job_id = JobId{"job-2"}; }).error().code, ErrorCode::malformed);
}

TEST_F(HostRulesOf, ReadASpecificationAsItsOwner) {
    const auto folders = folders_of(rules_, "job-1");
    ASSERT_TRUE(folders);
    ASSERT_TRUE(write_job_spec(base_, example()));  // root's, for root alone
    fs::create_symlink(base_ / "job.json", folders->job / "job.json");
    const auto spec = read_job_spec(rules_, *folders);
    ASSERT_FALSE(spec) << "a link to root's file was followed with root's rights";
    EXPECT_NE(spec.error().message.find("Permission denied"), std::string::npos) << spec.error().to_string();
}

TEST_F(HostRulesOf, TakeNoNameThatIsNoJobs) {
    for (const std::string name : {"", ".", "..", "../x", "a/b", ".host", "-x", "a b", std::string(65, 'a').c_str()})
        EXPECT_FALSE(folders_of(rules_, name)) << name;
}

TEST_F(HostRulesOf, RunNoJobsOfRoot) {
    rules_.user = "root";
    EXPECT_EQ(folders_of(rules_, "job-1").error().code, ErrorCode::forbidden);
    rules_.user = "nobody-of-that-name";
    EXPECT_EQ(folders_of(rules_, "job-1").error().code, ErrorCode::not_found);
}

TEST_F(HostRulesOf, AreRootsAlone) {
    const fs::path file = fs::path("/root") / (base_.filename().string() + ".toml");
    if (!check_is_roots("/root")) GTEST_SKIP() << "/root is not root's alone here";
    ASSERT_TRUE(write_file(file, "[jobs]\nuser = \"nobody\"\n"));
    const auto read = load_host_rules(file);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->user, "nobody");
    ::chmod(file.c_str(), 0666);
    EXPECT_EQ(load_host_rules(file).error().code, ErrorCode::forbidden);
    ::chmod(file.c_str(), 0644);
    ASSERT_EQ(::chown(file.c_str(), owner_.user, owner_.group), 0);
    EXPECT_EQ(load_host_rules(file).error().code, ErrorCode::forbidden);
    fs::remove(file);
    EXPECT_EQ(load_host_rules(file)->user, "labhub") << "without a file there are the defaults";
}

TEST(CheckIsRoots, LooksAtEachFolderOnTheWay) {
    EXPECT_TRUE(check_is_roots("/usr/share"));
    EXPECT_EQ(check_is_roots("/nowhere/at/all").error().code, ErrorCode::not_found);
    EXPECT_FALSE(check_is_roots(fs::temp_directory_path())) << "others may write there";
}

}  // namespace
}  // namespace labhub::coordinator::runner
