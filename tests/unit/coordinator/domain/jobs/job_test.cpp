#include "coordinator/domain/jobs/job.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

Job running_job() {
    Job job;
    job.id = JobId{"j1"};
    job.status = Status::running;
    job.started = UtcMillis{1'000};
    return job;
}

Ending ending(int exit_code, int signal = 0, std::string why = {}) {
    Ending end;
    end.time = UtcMillis{5'000};
    end.exit_code = exit_code;
    end.signal = signal;
    end.reason = std::move(why);
    return end;
}

TEST(Job, CompletesWhenItsScriptExitsWithZero) {
    Job job = running_job();
    conclude(job, ending(0));
    EXPECT_EQ(job.status, Status::completed);
    EXPECT_EQ(job.reason, "");
    EXPECT_EQ(job.exit_code, 0);
    EXPECT_EQ(job.ended, UtcMillis{5'000});
}

TEST(Job, FailsWithTheExitStatusAsReason) {
    Job job = running_job();
    conclude(job, ending(3));
    EXPECT_EQ(job.status, Status::failed);
    EXPECT_EQ(job.reason, "exit_status");
    EXPECT_EQ(job.message, "the script ended with exit status 3");
}

TEST(Job, NamesTheSignalThatKilledTheScript) {
    Job job = running_job();
    conclude(job, ending(137, 9));
    EXPECT_EQ(job.status, Status::failed);
    EXPECT_EQ(job.reason, "signal");
    EXPECT_EQ(job.signal, 9);
    EXPECT_EQ(job.message, "the script was ended by signal 9 (Killed)");
}

TEST(Job, KeepsTheRunnersReason) {
    for (const auto& [why, status] : std::vector<std::pair<std::string, Status>>{{"out_of_memory", Status::failed},
                                                                                 {"disk_limit", Status::failed},
                                                                                 {"sandbox_failed", Status::failed},
                                                                                 {"runner_lost", Status::failed},
                                                                                 {"time_limit", Status::timed_out},
                                                                                 {"user", Status::stopped}}) {
        Job job = running_job();
        conclude(job, ending(137, 9, why));
        EXPECT_EQ(job.status, status) << why;
        EXPECT_EQ(job.reason, why);
    }
}

TEST(Job, EndsForTheReasonItWasStoppedForNotForTheSignalThatFollowed) {
    Job job = running_job();
    job.stop_reason = "node_lost";
    job.message = "node sim-1 was out of reach";
    conclude(job, ending(143, 15));
    EXPECT_EQ(job.status, Status::failed);
    EXPECT_EQ(job.reason, "node_lost");
    EXPECT_EQ(job.message, "node sim-1 was out of reach");
}

TEST(Job, StatusNamesReadBack) {
    for (int i = 0; i <= static_cast<int>(Status::timed_out); ++i) {
        const auto status = static_cast<Status>(i);
        const auto read = status_from(to_string(status));
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, status);
        EXPECT_FALSE(is_final(status) && is_active(status));
    }
    EXPECT_FALSE(status_from("done"));
}

}  // namespace
}  // namespace labhub::coordinator::jobs
