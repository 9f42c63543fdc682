// What `labhub users`, `roles` and `tokens` take.
#include <gtest/gtest.h>

#include "coordinator/cli/command_line.hpp"

namespace labhub::cli {
namespace {

Result<CommandLine> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "labhub");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

/// The people's command that was typed, as that struct.
template <class Request>
Request typed(std::vector<const char*> words) {
    const auto line = parse(std::move(words));
    EXPECT_TRUE(line) << line.error().to_string();
    const auto* const people = line ? std::get_if<PeopleCommand>(&line->command) : nullptr;
    const auto* const request = people ? std::get_if<Request>(people) : nullptr;
    EXPECT_TRUE(request);
    return request ? *request : Request{};
}

TEST(PeopleLine, AWordAloneIsItsList) {
    typed<UserListRequest>({"users"});
    typed<UserListRequest>({"users", "list"});
    typed<RoleListRequest>({"roles"});
    EXPECT_EQ(typed<TokenListRequest>({"tokens"}).user, "");
    EXPECT_EQ(typed<TokenListRequest>({"tokens", "list", "--user", "ada"}).user, "ada");
    typed<WhoAmIRequest>({"whoami"});
}

TEST(PeopleLine, KeepsOnlyTheBoundsThatWereTyped) {
    const auto add = typed<UserSetRequest>(
        {"users", "add", "ada", "--full-name", "Ada Lovelace", "--max-running", "3", "--cpu-hours", "none"});
    EXPECT_TRUE(add.is_new);
    EXPECT_EQ(add.name, "ada");
    EXPECT_EQ(add.full_name, "Ada Lovelace");
    EXPECT_EQ(add.email, std::nullopt);
    EXPECT_EQ(add.quota, (QuotaWords{{"max_running", "3"}, {"cpu_hours", "none"}}));
    const auto set = typed<UserSetRequest>({"users", "set", "ada", "--max-priority", "-5", "--stored", "10g"});
    EXPECT_FALSE(set.is_new);
    EXPECT_EQ(set.quota, (QuotaWords{{"max_priority", "-5"}, {"stored_bytes", "10g"}}));
}

TEST(PeopleLine, TellsDisablingFromEnabling) {
    EXPECT_TRUE(typed<UserAbleRequest>({"users", "disable", "ada"}).is_disabled);
    EXPECT_FALSE(typed<UserAbleRequest>({"users", "enable", "ada"}).is_disabled);
}

TEST(PeopleLine, LeavesARolesRightsAsTheyAreUnlessTheyAreTyped) {
    EXPECT_EQ(typed<RoleSetRequest>({"roles", "set", "student"}).is_admin, std::nullopt);
    EXPECT_EQ(typed<RoleSetRequest>({"roles", "set", "heads", "--admin"}).is_admin, true);
    EXPECT_EQ(typed<RoleSetRequest>({"roles", "set", "heads", "--no-admin"}).is_admin, false);
}

TEST(PeopleLine, RefusesWhatIsIncomplete) {
    for (const auto& words : std::vector<std::vector<const char*>>{{"users", "add"},
                                                                   {"users", "rm"},
                                                                   {"roles", "set"},
                                                                   {"tokens", "new"},
                                                                   {"tokens", "revoke"},
                                                                   {"users", "frobnicate"},
                                                                   {"users", "add", "ada", "--max-running"}})
        EXPECT_FALSE(parse(words)) << words.back();
}

}  // namespace
}  // namespace labhub::cli
