#include "coordinator/domain/jobs/quota.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

using accounts::Allowance;
using accounts::Bound;
using accounts::Bounds;
using ::testing::HasSubstr;

Job some_job(int priority = 0) {
    Job job;
    job.id = JobId{"j1"};
    job.requested_by = "user:ada";
    job.priority = priority;
    return job;
}

Allowance student(Bounds bounds, Bounds own = {}) {
    return Allowance("student", false, std::move(bounds), "ada", std::move(own));
}

Error refusal(const Holdings& has, const Allowance& may, bool may_queue = true, int priority = 0) {
    const auto checked = check_quota(some_job(priority), has, may, may_queue);
    EXPECT_FALSE(checked);
    return checked ? Error{} : checked.error();
}

TEST(QuotaCheck, LetsAUserWithoutBoundsDoWhatHeLikes) {
    const Holdings much{100'000, 100, 1LL << 50, 1e6, 1e6};
    EXPECT_TRUE(check_quota(some_job(), much, student({}), false));
    EXPECT_TRUE(check_quota(some_job(-100), much, student({}), true));
}

TEST(QuotaCheck, RefusesTheOneThatIsTooManyAndSaysByWhat) {
    Holdings has;
    has.queued = 2;
    EXPECT_TRUE(check_quota(some_job(), has, student({{Bound::max_queued, 3}}), true));
    has.queued = 3;
    const Error error = refusal(has, student({{Bound::max_queued, 3}}));
    EXPECT_EQ(error.code, ErrorCode::too_many);
    EXPECT_EQ(error.message, "user:ada has 3 experiments waiting");
    EXPECT_EQ(error.detail, "3 may, by role 'student'");
    EXPECT_THAT(refusal(has, student({}, {{Bound::max_queued, 0}})).detail, HasSubstr("by the quota of ada"));
    EXPECT_TRUE(
        check_quota(some_job(), has, student({{Bound::max_queued, 3}}, {{Bound::max_queued, std::nullopt}}), true));
}

TEST(QuotaCheck, CountsTheBytesOfResults) {
    Holdings has;
    has.stored_bytes = (5LL << 30) - 1;
    const Allowance may = student({{Bound::stored_bytes, 5.0 * (1LL << 30)}});
    EXPECT_TRUE(check_quota(some_job(), has, may, true));
    has.stored_bytes = 6LL << 30;
    const Error error = refusal(has, may);
    EXPECT_EQ(error.code, ErrorCode::too_many);
    EXPECT_EQ(error.message, "the results of user:ada take 6 GiB");
    EXPECT_THAT(error.detail, HasSubstr("5 GiB may be kept, by role 'student'"));
}

TEST(QuotaCheck, KeepsToTheHighestPriority) {
    EXPECT_EQ(refusal({}, student({}), true, 1).code, ErrorCode::forbidden);
    EXPECT_TRUE(check_quota(some_job(5), {}, student({{Bound::max_priority, 5}}), true));
    EXPECT_THAT(refusal({}, student({{Bound::max_priority, 5}}), true, 6).detail, HasSubstr("at most 5"));
}

TEST(QuotaCheck, LetsWhatMayNotRunYetWaitUnlessItCanNotWait) {
    Holdings has;
    has.running = 2;
    has.cpu_hours = 10;
    const Allowance places = student({{Bound::max_running, 2}}), hours = student({{Bound::cpu_hours, 10}});
    EXPECT_TRUE(check_quota(some_job(), has, places, true));
    EXPECT_TRUE(check_quota(some_job(), has, hours, true));
    EXPECT_THAT(refusal(has, places, false).message, HasSubstr("2 experiments running"));
    EXPECT_THAT(refusal(has, hours, false).detail, HasSubstr("10 in 30d, by role 'student'"));
}

TEST(QuotaCheck, TellsTheScheduleTheSame) {
    Holdings has;
    has.cpu_hours = 4;
    has.recent_cpu_hours = 0.5;
    const Share share = share_of(has, student({{Bound::cpu_hours, 10}, {Bound::max_running, 2}, {Bound::weight, 3}}),
                                 "user:ada is disabled");
    EXPECT_EQ(share.weight, 3);
    EXPECT_EQ(share.used_cpu_seconds, 1800);
    EXPECT_EQ(share.max_running, 2u);
    EXPECT_EQ(share.cpu_hours_left, 6);
    EXPECT_EQ(share.barred, "user:ada is disabled");
    EXPECT_EQ(share.max_running_by, "role 'student'");
    EXPECT_EQ(share_of(has, student({}), "").cpu_hours_left, std::nullopt);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
