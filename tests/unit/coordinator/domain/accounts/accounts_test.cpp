#include "tests/unit/coordinator/domain/accounts/accounts_lab.hpp"

namespace labhub::coordinator::accounts {
namespace {

TEST_F(AccountsLab, BeginWithAnAdministratorAndTwoRoles) {
    ASSERT_EQ(accounts_->users().size(), 1u);
    EXPECT_EQ(accounts_->users().front()->name, "admin");
    ASSERT_EQ(accounts_->roles().size(), 2u);
    EXPECT_TRUE((*accounts_->role("admin"))->is_admin);
    EXPECT_FALSE((*accounts_->role("user"))->is_admin);
}

TEST_F(AccountsLab, KeepAUserOverARestartAsHeWas) {
    UserChange wanted;
    wanted.full_name = "Ada Lovelace";
    wanted.email = "ada@example.org";
    wanted.bounds[Bound::max_running] = {false, 3};
    wanted.bounds[Bound::cpu_hours] = {false, std::nullopt};
    add("ada", wanted);
    restart();
    const auto user = accounts_->user("ada");
    ASSERT_TRUE(user);
    EXPECT_EQ((*user)->full_name, "Ada Lovelace");
    EXPECT_EQ((*user)->email, "ada@example.org");
    EXPECT_EQ((*user)->role, "user");
    EXPECT_EQ((*user)->created_by, "user:admin");
    EXPECT_EQ((*user)->bounds, (Bounds{{Bound::max_running, 3}, {Bound::cpu_hours, std::nullopt}}));
}

TEST_F(AccountsLab, RefuseUsersThatCanNotBe) {
    const auto code = [&](std::string name, UserChange wanted) {
        const auto added = run(accounts_->add_user(std::move(name), std::move(wanted), "user:admin"));
        return added ? ErrorCode::internal : added.error().code;
    };
    for (const char* const name : {"", "a b", "../x", ".ada", "-rf", "a/b", "ädä"})
        EXPECT_EQ(code(name, {}), ErrorCode::malformed) << name;
    EXPECT_EQ(code("admin", {}), ErrorCode::conflict);
    UserChange role, email, bound;
    role.role = "wizard";
    email.email = "nowhere";
    bound.bounds[Bound::weight] = {false, -1};
    EXPECT_EQ(code("ada", role), ErrorCode::not_found);
    EXPECT_EQ(code("ada", email), ErrorCode::malformed);
    EXPECT_EQ(code("ada", bound), ErrorCode::out_of_range);
    EXPECT_FALSE(accounts_->user("ada"));
    restart();
    EXPECT_EQ(accounts_->users().size(), 1u) << "nothing of what was refused is stored";
}

TEST_F(AccountsLab, ChangeOnlyWhatIsGiven) {
    UserChange wanted;
    wanted.full_name = "Ada";
    wanted.bounds[Bound::max_running] = {false, 3};
    wanted.bounds[Bound::max_queued] = {false, 9};
    add("ada", wanted);
    UserChange back;
    back.bounds[Bound::max_running] = {true, {}};
    ASSERT_TRUE(change("ada", back));
    restart();
    EXPECT_EQ((*accounts_->user("ada"))->full_name, "Ada");
    EXPECT_EQ((*accounts_->user("ada"))->bounds, (Bounds{{Bound::max_queued, 9}}));
}

TEST_F(AccountsLab, AlwaysLeaveAWayIn) {
    UserChange disable, demote;
    disable.is_disabled = true;
    demote.role = "user";
    EXPECT_EQ(change("admin", disable).error().code, ErrorCode::conflict);
    EXPECT_EQ(change("admin", demote).error().code, ErrorCode::conflict);
    EXPECT_EQ(run(accounts_->remove_user("admin")).error().code, ErrorCode::conflict);
    RoleChange no_admin;
    no_admin.is_admin = false;
    EXPECT_EQ(run(accounts_->set_role("admin", no_admin)).error().code, ErrorCode::conflict);
    EXPECT_EQ(run(accounts_->remove_role("admin")).error().code, ErrorCode::conflict);
    EXPECT_EQ(run(accounts_->remove_role("user")).error().code, ErrorCode::conflict);
}

TEST_F(AccountsLab, KeepAUserWhoHasExperiments) {
    add("ada");
    accounts_->experiments_of = [](const std::string& principal) { return principal == "user:ada" ? 2u : 0u; };
    const auto kept = run(accounts_->remove_user("ada"));
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, ErrorCode::conflict);
    EXPECT_EQ(kept.error().message, "user ada has 2 experiments, reservations or alarm rules");
    accounts_->experiments_of = [](const std::string&) { return std::size_t{0}; };
    EXPECT_TRUE(run(accounts_->remove_user("ada")));
    restart();
    EXPECT_FALSE(accounts_->user("ada"));
}

TEST_F(AccountsLab, GiveUsersOfARoleWhatItSaysAtOnce) {
    RoleChange student;
    student.bounds[Bound::max_running] = {false, 1};
    ASSERT_TRUE(run(accounts_->set_role("student", student)));
    UserChange wanted;
    wanted.role = "student";
    add("ada", wanted);
    EXPECT_EQ(accounts_->allowance("user:ada").max_running(), 1u);
    int changes = 0;
    accounts_->on_changed = [&] { ++changes; };
    student.bounds[Bound::max_running] = {false, 4};
    ASSERT_TRUE(run(accounts_->set_role("student", student)));
    EXPECT_EQ(accounts_->allowance("user:ada").max_running(), 4u);
    EXPECT_EQ(changes, 1) << "who waits may start now";
    EXPECT_EQ(run(accounts_->remove_role("student")).error().code, ErrorCode::conflict);
    EXPECT_EQ(accounts_->allowance("user:stranger").max_running(), std::nullopt);
}

TEST_F(AccountsLab, SayWhyNothingOfADisabledUserIsStarted) {
    add("ada");
    EXPECT_EQ(accounts_->barred("user:ada"), "");
    UserChange disable;
    disable.is_disabled = true;
    ASSERT_TRUE(change("ada", disable));
    EXPECT_EQ(accounts_->barred("user:ada"), "user:ada is disabled");
    EXPECT_EQ(accounts_->barred("job:ada"), "");
    EXPECT_EQ(accounts_->barred("user:nobody"), "");
}

TEST_F(AccountsLab, TakeAChangeBackThatCanNotBeStored) {
    add("ada");
    writer_->stop();
    UserChange change_name;
    change_name.full_name = "Ada";
    const auto refused = change("ada", change_name);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_EQ((*accounts_->user("ada"))->full_name, "");
    EXPECT_FALSE(run(accounts_->add_user("bob", {}, "user:admin")));
    EXPECT_FALSE(accounts_->user("bob"));
    EXPECT_FALSE(run(accounts_->set_role("student", {})));
    EXPECT_FALSE(accounts_->role("student"));
}

}  // namespace
}  // namespace labhub::coordinator::accounts
