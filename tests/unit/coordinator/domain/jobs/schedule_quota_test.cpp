// What quotas and shares make of the order of turns.
#include <gtest/gtest.h>

#include "coordinator/domain/jobs/schedule.hpp"

namespace labhub::coordinator::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr UtcMillis kNow{1'700'000'000'000};

DeviceAddress device(int number) { return {NodeId{"n" + std::to_string(number)}, "vessel"}; }

Waiting job(const std::string& id, const std::string& user, int of_device) {
    Waiting made;
    made.id = JobId{id};
    made.user = user;
    made.queued_at = kNow;
    made.choice = std::make_shared<const DeviceChoice>(DeviceChoice{{device(of_device)}, ""});
    made.time_limit = hours{1};
    return made;
}

Situation roomy() {
    Situation situation;
    situation.now = kNow;
    situation.capacity = {100, 100, 1'000'000, ""};
    return situation;
}

std::string why(const Situation& situation, const std::string& id) {
    return make_schedule(situation).waits.at(JobId{id}).why;
}

TEST(ScheduleQuota, StartsNothingOfAUserWhoIsKeptOut) {
    Situation situation = roomy();
    situation.shares["ada"].barred = "ada is disabled";
    situation.waiting = {job("adas", "ada", 1), job("bobs", "bob", 1)};
    const Schedule schedule = make_schedule(situation);
    ASSERT_EQ(schedule.starts.size(), 1u);
    EXPECT_EQ(schedule.starts[0].job.value, "bobs");
    EXPECT_EQ(schedule.waits.at(JobId{"adas"}).why, "ada is disabled");
    EXPECT_FALSE(forecast(situation).contains(JobId{"adas"})) << "nobody can tell when";
}

TEST(ScheduleQuota, SaysWhoseWordABoundIs) {
    Situation situation = roomy();
    situation.running = {{"ada", device(9), 1, 0, kNow + hours{1}}};
    situation.shares["ada"].max_running = 1;
    situation.shares["ada"].max_running_by = "role 'student'";
    situation.shares["bob"].cpu_hours_left = -0.5;
    situation.shares["bob"].cpu_quota = "10 in 7d, by role 'student'";
    situation.waiting = {job("adas", "ada", 1), job("bobs", "bob", 2)};
    EXPECT_EQ(why(situation, "adas"), "ada has 1 of 1 jobs running (role 'student')");
    EXPECT_EQ(why(situation, "bobs"),
              "the processor hours of bob are used up, or bespoken by jobs that run (10 in 7d, by role 'student')");
}

TEST(ScheduleQuota, ForecastsNoStartThatTheHoursDoNotCover) {
    Situation situation = roomy();
    situation.shares["ada"].cpu_hours_left = 1.5;
    situation.waiting = {job("first", "ada", 1), job("second", "ada", 1), job("third", "ada", 1)};
    const auto starts = forecast(situation);
    EXPECT_EQ(starts.at(JobId{"first"}), kNow);
    EXPECT_EQ(starts.at(JobId{"second"}), kNow + hours{1}) << "half an hour is left then";
    EXPECT_FALSE(starts.contains(JobId{"third"})) << "the first two take it all, if they take what they may";
}

TEST(ScheduleQuota, CountsWhatRunsOnlyForWhatItHasLeft) {
    Situation situation = roomy();
    situation.shares["ada"].cpu_hours_left = 0.5;
    situation.running = {{"ada", device(9), 1, 0, kNow + minutes{20}}};
    situation.waiting = {job("next", "ada", 1)};
    EXPECT_EQ(make_schedule(situation).starts.size(), 1u);
    situation.running[0].ends_by = kNow + minutes{40};
    EXPECT_EQ(make_schedule(situation).starts.size(), 0u);
}

TEST(ScheduleQuota, GivesAUserOfTwiceTheWeightTwiceThePlaces) {
    Situation situation = roomy();
    situation.capacity.jobs = 3;
    situation.shares["ada"].weight = 2;
    for (int number = 0; number < 6; ++number) {
        situation.waiting.push_back(job("a" + std::to_string(number), "ada", number));
        situation.waiting.push_back(job("b" + std::to_string(number), "bob", 10 + number));
    }
    int adas = 0;
    for (const Start& start : make_schedule(situation).starts) adas += start.job.value[0] == 'a' ? 1 : 0;
    EXPECT_EQ(adas, 2);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
