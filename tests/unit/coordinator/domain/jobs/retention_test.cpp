#include "coordinator/domain/jobs/retention.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kHour = 3'600'000;

Job ended_job(std::string id, std::int64_t ended_hours, Status status = Status::completed) {
    Job job;
    job.id = JobId{std::move(id)};
    job.status = status;
    job.ended = UtcMillis{ended_hours * kHour};
    return job;
}

Job downloaded(Job job, std::int64_t hours) {
    job.result.downloaded = UtcMillis{hours * kHour};
    return job;
}

Job kept(Job job, Keep keep) {
    job.result.keep = keep;
    return job;
}

RetentionRules a_day() {
    RetentionRules rules;
    rules.keep_completed = 24h;
    rules.keep_failed = 2h;
    return rules;
}

std::vector<std::string> due(const std::vector<Job>& jobs, const RetentionRules& rules, std::int64_t now_hours) {
    std::vector<const Job*> all;
    for (const auto& job : jobs) all.push_back(&job);
    std::vector<std::string> names;
    for (const auto& each : due_by_age(all, rules, UtcMillis{now_hours * kHour})) names.push_back(each.job.value);
    return names;
}

std::string first_for_room(const std::vector<Job>& jobs) {
    std::vector<const Job*> all;
    for (const auto& job : jobs) all.push_back(&job);
    const auto next = next_for_room(all);
    return next ? next->value : "";
}

using Names = std::vector<std::string>;

TEST(Retention, KeepsForEverWhereNothingIsSaid) {
    EXPECT_EQ(due({ended_job("a", 0), ended_job("b", 0, Status::failed)}, {}, 1'000'000), Names{});
    EXPECT_EQ(outlook(ended_job("a", 0), {}).why, "is kept for ever");
    EXPECT_FALSE(outlook(ended_job("a", 0), {}).goes);
}

TEST(Retention, EachKindOfEndHasItsAgeAndTheOldestGoFirst) {
    const std::vector<Job> jobs{ended_job("new", 99),
                                ended_job("late", 75),
                                ended_job("early", 70),
                                ended_job("failed", 97, Status::failed),
                                ended_job("timed out", 99, Status::timed_out),
                                ended_job("stopped", 98, Status::stopped)};
    EXPECT_EQ(due(jobs, a_day(), 100), (Names{"early", "late", "failed", "stopped"}));
    EXPECT_EQ(outlook(jobs[1], a_day()).goes, UtcMillis{99 * kHour});
    EXPECT_EQ(outlook(jobs[3], a_day()).why, "results.keep_failed is 2h");
}

TEST(Retention, TakesNothingThatIsPinnedRunningOrGone) {
    Job running = ended_job("running", 0, Status::running);
    running.ended.reset();
    Job gone = ended_job("gone", 0);
    gone.result.removed = UtcMillis{1};
    const std::vector<Job> jobs{kept(ended_job("pinned", 0), Keep::pinned), running, gone,
                                ended_job("stopping", 0, Status::stopping)};
    EXPECT_EQ(due(jobs, a_day(), 1'000), Names{});
    EXPECT_EQ(first_for_room(jobs), "");
    EXPECT_EQ(outlook(jobs[0], a_day()).why, "is pinned");
}

TEST(Retention, WaitsForADownloadWhereThatIsAskedFor) {
    const Job asked = kept(ended_job("asked", 0), Keep::until_downloaded);
    EXPECT_EQ(due({asked, ended_job("usual", 0)}, a_day(), 100), Names{"usual"});
    auto rules = a_day();
    rules.keep_until_downloaded = true;
    EXPECT_EQ(due({asked, ended_job("usual", 0), downloaded(ended_job("fetched", 0), 50)}, rules, 100),
              Names{"fetched"});
    EXPECT_NE(outlook(asked, rules).why.find("until it is downloaded"), std::string::npos);
}

TEST(Retention, LeavesWhatWasJustFetchedForAnHour) {
    const Job fetched = downloaded(ended_job("a", 0), 100);
    EXPECT_EQ(due({fetched}, a_day(), 100), Names{});
    EXPECT_EQ(due({fetched}, a_day(), 101), Names{"a"});
}

TEST(Retention, RoomIsMadeOfWhatSomebodyHasAlready) {
    std::vector<Job> jobs{ended_job("old", 1),
                          ended_job("older", 0),
                          downloaded(ended_job("fetched", 9), 10),
                          downloaded(ended_job("fetched first", 8), 10),
                          kept(ended_job("pinned", 0), Keep::pinned),
                          kept(ended_job("wanted", 2), Keep::until_downloaded)};
    Names order;
    for (std::string next; !(next = first_for_room(jobs)).empty();) {
        order.push_back(next);
        for (auto& job : jobs)
            if (job.id.value == next) job.result.removed = UtcMillis{1};
    }
    EXPECT_EQ(order, (Names{"fetched first", "fetched", "older", "old", "wanted"}));
}

TEST(Retention, TellsWhatIsShort) {
    RetentionRules rules;
    EXPECT_EQ(shortage({0, 1LL << 50}, rules), "");
    rules.min_free = 10 << 20;
    EXPECT_EQ(shortage({10 << 20, 0}, rules), "");
    EXPECT_EQ(shortage({(10 << 20) - 1, 0}, rules), "only 9 MiB of the disk were free, and results.min_free is 10 MiB");
    rules.max_bytes = 1 << 20;
    EXPECT_EQ(shortage({20 << 20, 1 << 20}, rules), "");
    EXPECT_EQ(shortage({20 << 20, 3 << 20}, rules), "all results had 3 MiB, and results.max_bytes is 1 MiB");
}

TEST(Retention, NamesHowAResultIsKept) {
    for (const auto keep : {Keep::usual, Keep::until_downloaded, Keep::pinned})
        EXPECT_EQ(keep_from(to_string(keep)), keep);
    EXPECT_EQ(keep_from("forever").error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
