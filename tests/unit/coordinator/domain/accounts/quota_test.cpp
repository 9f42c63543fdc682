#include "coordinator/domain/accounts/quota.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "coordinator/domain/accounts/account.hpp"

namespace labhub::coordinator::accounts {
namespace {

TEST(Quota, OfAUserStandsOverThatOfHisRoleAndThatOverTheDefaults) {
    const Allowance role_only("student", false, {{Bound::max_running, 2}, {Bound::cpu_hours, 10}});
    EXPECT_EQ(role_only.max_running(), 2u);
    EXPECT_EQ(role_only.cpu_hours(), 10);
    EXPECT_EQ(role_only.max_queued(), std::nullopt);
    EXPECT_EQ(role_only.weight(), 1);
    EXPECT_EQ(role_only.cpu_window(), std::chrono::hours{24 * 30});
    EXPECT_EQ(role_only.says(Bound::max_running), "role 'student'");

    const Allowance own("student", false, {{Bound::max_running, 2}, {Bound::cpu_hours, 10}}, "ada",
                        {{Bound::cpu_hours, std::nullopt}, {Bound::stored_bytes, 5e9}});
    EXPECT_EQ(own.max_running(), 2u);
    EXPECT_EQ(own.cpu_hours(), std::nullopt) << "his own 'none' lifts the role's bound";
    EXPECT_EQ(own.stored_bytes(), 5'000'000'000);
    EXPECT_EQ(own.says(Bound::cpu_hours), "the quota of ada");
    EXPECT_EQ(own.says(Bound::max_running), "role 'student'");
}

TEST(Quota, LetsOnlyAdministratorsGoFirstWhereNothingIsSaid) {
    EXPECT_EQ(Allowance("user", false, {}).max_priority(), 0);
    EXPECT_EQ(Allowance("staff", true, {}).max_priority(), 100);
    EXPECT_EQ(Allowance("user", false, {{Bound::max_priority, 7}}).max_priority(), 7);
}

TEST(Quota, IsStoredAndReadBackAsItWas) {
    const Bounds bounds{{Bound::weight, 0.5}, {Bound::max_queued, std::nullopt}, {Bound::stored_bytes, 9e15 / 10}};
    const auto read = bounds_from_text(to_text(bounds));
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, bounds);
    EXPECT_EQ(*bounds_from_text("{}"), Bounds{});
}

TEST(Quota, ThatIsNoneIsFoundOut) {
    for (const char* const wrong : {"", "[]", "{\"colour\":1}", "{\"weight\":\"1\"}", "{\"weight\":true}"})
        EXPECT_FALSE(bounds_from_text(wrong)) << wrong;
}

TEST(Quota, KeepsToTheRangeOfEachBound) {
    EXPECT_TRUE(check_bound(Bound::max_running, 0));
    EXPECT_TRUE(check_bound(Bound::max_running, std::nullopt));
    EXPECT_TRUE(check_bound(Bound::weight, 0.25));
    EXPECT_EQ(check_bound(Bound::max_running, -1).error().code, ErrorCode::out_of_range);
    EXPECT_EQ(check_bound(Bound::max_running, 1.5).error().code, ErrorCode::malformed);
    EXPECT_EQ(check_bound(Bound::weight, 0).error().code, ErrorCode::out_of_range);
    EXPECT_EQ(check_bound(Bound::weight, std::nullopt).error().code, ErrorCode::out_of_range);
    EXPECT_EQ(check_bound(Bound::cpu_hours, std::nan("")).error().code, ErrorCode::out_of_range);
    const auto window = check_bound(Bound::cpu_window, 1000);
    EXPECT_EQ(window.error().detail, "allowed: 1h to 366d");
}

TEST(Quota, KnowsItsWords) {
    for (const BoundForm& form : bound_forms()) {
        EXPECT_EQ(*bound_from(form.word), form.bound);
        EXPECT_EQ(&form_of(form.bound), &form);
    }
    EXPECT_NE(bound_from("speed").error().detail.find("max_running"), std::string::npos);
}

TEST(Account, TellsUsersFromOtherPrincipals) {
    EXPECT_EQ(user_of("user:ada"), "ada");
    EXPECT_EQ(user_of("job:ada"), "");
    EXPECT_EQ(user_of("ada"), "");
}

TEST(Account, TakesNamesOfPeopleOfAllLanguages) {
    EXPECT_TRUE(check_full_name("Ада Лавлейс"));
    EXPECT_TRUE(check_full_name(""));
    EXPECT_FALSE(check_full_name("Ada\nLovelace"));
    EXPECT_FALSE(check_full_name("\xff"));
    EXPECT_FALSE(check_full_name(std::string(201, 'a')));
}

TEST(Account, RefusesWhatCanNotBeAnAddress) {
    for (const char* const right : {"", "ada@example.org", "a.b+c@d"}) EXPECT_TRUE(check_email(right)) << right;
    for (const char* const wrong :
         {"ada", "@example.org", "ada@", "ada lovelace@example.org", "a@b,c@d", "a@b\n", "Ada <ada@example.org>"})
        EXPECT_FALSE(check_email(wrong)) << wrong;
}

}  // namespace
}  // namespace labhub::coordinator::accounts
