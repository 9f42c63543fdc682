#include "coordinator/runner/job_spec.hpp"

#include <sys/stat.h>

#include <functional>

#include <gtest/gtest.h>

#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/job_report.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

class JobFolder : public ::testing::Test {
  protected:
    void SetUp() override { std::filesystem::create_directories(path_); }
    void TearDown() override { std::filesystem::remove_all(path_); }
    std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("labhub-job-" + random_hex(6));
};

JobSpec example() {
    JobSpec spec;
    spec.job_id = JobId{"job-1"};
    spec.secret = "s3cret";
    spec.socket = "/run/labhub/jobs.sock";
    spec.environment = {{"A", "1"}, {"B", "it's \"quoted\""}};
    spec.limits.cpus = 1.5;
    spec.limits.output_bytes = 5u << 20;
    spec.python_path = "/usr/lib/labhub/python";
    spec.cache_folder = "/var/lib/labhub";
    return spec;
}

TEST_F(JobFolder, SpecificationReadsBackAsWritten) {
    ASSERT_TRUE(write_job_spec(path_, example()));
    const auto read = read_job_spec(path_);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->job_id, example().job_id);
    EXPECT_EQ(read->secret, "s3cret");
    EXPECT_EQ(read->environment, example().environment);
    EXPECT_EQ(read->argv, example().argv);
    EXPECT_EQ(read->limits.cpus, 1.5);
    EXPECT_EQ(read->limits.output_bytes, 5u << 20);
    EXPECT_EQ(read->limits.memory_bytes, 512u << 20);
    EXPECT_EQ(read->python_path, "/usr/lib/labhub/python");
    EXPECT_EQ(read->api_port, 8000);
}

TEST_F(JobFolder, SpecificationWithTheSecretIsForItsOwnerOnly) {
    ASSERT_TRUE(write_job_spec(path_, example()));
    struct stat facts {};
    ASSERT_EQ(::stat((path_ / "job.json").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(JobFolder, SpecificationErrorsNameTheMember) {
    EXPECT_EQ(read_job_spec(path_).error().code, ErrorCode::not_found);
    ASSERT_TRUE(write_file(path_ / "job.json", "{"));
    EXPECT_EQ(read_job_spec(path_).error().code, ErrorCode::malformed);
    ASSERT_TRUE(write_job_spec(path_, example()));
    auto text = *read_file(path_ / "job.json");
    text.replace(text.find("\"pids\": 256"), 11, "\"pids\": \"x\"");
    ASSERT_TRUE(write_file(path_ / "job.json", text));
    EXPECT_NE(read_job_spec(path_).error().message.find("'pids' has the wrong type"), std::string::npos);
}

TEST_F(JobFolder, SpecificationThatCannotRunIsRefusedBeforeItIsWritten) {
    JobSpec spec = example();
    spec.socket = "jobs.sock";
    EXPECT_FALSE(write_job_spec(path_, spec));
    spec = example();
    spec.job_id = JobId{"../x"};
    EXPECT_FALSE(write_job_spec(path_, spec));
    spec = example();
    spec.environment["A=B"] = "1";
    EXPECT_FALSE(write_job_spec(path_, spec));
}

TEST_F(JobFolder, StateReadsBackAsWritten) {
    EXPECT_EQ(read_runner_state(path_).error().code, ErrorCode::not_found);
    RunnerState state;
    state.job_id = JobId{"job-1"};
    state.pid = 42;
    state.phase = Phase::ended;
    state.started = Started{{1000}, "crun 1.8.1", "loop ext4"};
    state.ended = Ended{{2000}, 137, 9, "out_of_memory", "too much", 7, 8};
    state.notes = {"a", "b"};
    state.hide_unified = true;
    ASSERT_TRUE(write_runner_state(path_, state));
    const auto read = read_runner_state(path_);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->phase, Phase::ended);
    EXPECT_EQ(read->started->runtime, "crun 1.8.1");
    EXPECT_EQ(read->ended->reason, "out_of_memory");
    EXPECT_EQ(read->ended->cpu_ms, 8u);
    EXPECT_EQ(read->notes, state.notes);
    EXPECT_TRUE(read->hide_unified);
}

TEST(ReadySandbox, FitsAJobWhoseMemoryAndProcessorsDiffer) {
    JobSpec job = example();
    job.job_id = JobId{"job-2"};
    job.limits.memory_bytes *= 2;
    job.limits.cpus = 4;
    job.limits.pids = 5;
    job.limits.time_limit_ms = 1;
    job.environment = {{"C", "3"}};
    EXPECT_TRUE(fits(example(), job));
}

TEST(ReadySandbox, DoesNotFitAJobThatNeedsAnotherOneOrTellsTooMuch) {
    const auto fits_when = [](const std::function<void(JobSpec&)>& adjust) {
        JobSpec job = example();
        adjust(job);
        return fits(example(), job);
    };
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.limits.output_bytes += 1; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.limits.output_files += 1; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.limits.tmp_bytes += 1; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.runtime = "runc"; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.python_path = "/elsewhere"; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.root = "/image"; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.api_port = 8001; }));
    EXPECT_FALSE(fits_when([](JobSpec& job) { job.environment["LONG"] = std::string(40'000, 'x'); }));
    EXPECT_FALSE(fits_when([](JobSpec& job) {
        for (int i = 0; i < 600; ++i) job.environment["V" + std::to_string(i)] = "";
    }));
}

TEST_F(JobFolder, OneRunnerWorksOnItAtATime) {
    EXPECT_FALSE(is_runner_alive(path_));
    {
        const auto lock = lock_job(folders_of(path_));
        ASSERT_TRUE(lock);
        EXPECT_TRUE(is_runner_alive(path_));
        EXPECT_EQ(lock_job(folders_of(path_)).error().code, ErrorCode::conflict);
    }
    EXPECT_FALSE(is_runner_alive(path_));
}

TEST_F(JobFolder, NamesTheImagesRootSinceThereAreImages) {
    JobSpec spec = example();
    spec.root = "/data/images/sha256/x/root";
    ASSERT_TRUE(write_job_spec(path_, spec));
    EXPECT_EQ(read_job_spec(path_)->root, spec.root);
    EXPECT_FALSE(fits(example(), spec));
    spec.root = "relative";
    EXPECT_EQ(write_job_spec(path_, spec).error().code, ErrorCode::malformed);
    ASSERT_TRUE(write_job_spec(path_, example()));
    std::string text = *read_file(path_ / "job.json");
    const auto from = text.find("\"root\"");
    ASSERT_NE(from, std::string::npos);
    text.erase(from, text.find('\n', from) - from);
    ASSERT_TRUE(write_file(path_ / "job.json", text));
    const auto older = read_job_spec(path_);
    ASSERT_TRUE(older) << older.error().to_string();
    EXPECT_EQ(older->root, std::filesystem::path{});
}

}  // namespace
}  // namespace labhub::coordinator::runner
