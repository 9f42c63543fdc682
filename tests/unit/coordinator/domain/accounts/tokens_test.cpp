#include <fstream>
#include <sstream>

#include "shared/base/sha256.hpp"
#include "tests/unit/coordinator/domain/accounts/accounts_lab.hpp"

namespace labhub::coordinator::accounts {
namespace {

using namespace std::chrono_literals;

class Tokens : public AccountsLab {
  protected:
    ErrorCode code_of(std::string_view secret) {
        const auto proven = accounts_->check(secret);
        return proven ? ErrorCode::internal : proven.error().code;
    }
    std::string everything_stored() {
        std::string all;
        for (const auto& file : std::filesystem::directory_iterator(folder_)) {
            std::ifstream stream(file.path(), std::ios::binary);
            std::ostringstream text;
            text << stream.rdbuf();
            all += text.str();
        }
        return all;
    }
};

TEST_F(Tokens, OfTheFileIsTheAdministrators) {
    const auto proven = accounts_->check(kFile);
    ASSERT_TRUE(proven) << proven.error().to_string();
    EXPECT_EQ(proven->user, "admin");
    EXPECT_TRUE(proven->is_admin);
    EXPECT_EQ(run(accounts_->revoke_token("admin", "admin-token")).error().code, ErrorCode::conflict);
    EXPECT_TRUE(accounts_->check(kFile));
}

TEST_F(Tokens, ProveTheirUserOverARestart) {
    add("ada");
    const std::string secret = token_of("ada");
    EXPECT_EQ(secret.size(), std::string("labhub_").size() + 64);
    restart();
    const auto proven = accounts_->check(secret);
    ASSERT_TRUE(proven) << proven.error().to_string();
    EXPECT_EQ(proven->user, "ada");
    EXPECT_EQ(proven->role, "user");
    EXPECT_FALSE(proven->is_admin);
    for (const std::string& wrong :
         {std::string{}, secret + "0", secret.substr(1), std::string("labhub_"), sha256_hex(secret)})
        EXPECT_EQ(code_of(wrong), ErrorCode::unauthenticated) << wrong;
}

TEST_F(Tokens, AreNowhereStored) {
    add("ada");
    const std::string secret = token_of("ada");
    const std::string stored = everything_stored();
    EXPECT_EQ(stored.find(secret), std::string::npos);
    EXPECT_EQ(stored.find(secret.substr(7)), std::string::npos);
    EXPECT_NE(stored.find(sha256_hex(secret)), std::string::npos);
}

TEST_F(Tokens, ThatAreRevokedCountNoMoreAtOnceAndAfterARestart) {
    add("ada");
    const std::string lost = token_of("ada", "lost"), kept = token_of("ada", "kept");
    const auto standing = accounts_->check(lost)->standing;
    bool told = false;
    const auto wait = [](std::shared_ptr<Standing> of, bool& into) -> Task<void> {
        co_await of->wait_for_end();
        into = true;
    };
    asio::co_spawn(context_, wait(standing, told), asio::detached);
    EXPECT_TRUE(run(accounts_->revoke_token("ada", "lost")));
    context_.poll();
    EXPECT_TRUE(told) << "whoever goes on on the strength of it is told";
    EXPECT_FALSE(standing->holds(clock_.utc_now()));
    EXPECT_EQ(code_of(lost), ErrorCode::unauthenticated);
    EXPECT_TRUE(accounts_->check(kept));
    restart();
    EXPECT_EQ(code_of(lost), ErrorCode::unauthenticated);
    EXPECT_TRUE(accounts_->check(kept));
    EXPECT_EQ(run(accounts_->revoke_token("ada", "lost")).error().code, ErrorCode::not_found);
}

TEST_F(Tokens, OfADisabledUserCountAgainWhenHeIsEnabled) {
    add("ada");
    const std::string secret = token_of("ada");
    const auto standing = accounts_->check(secret)->standing;
    UserChange disable, enable;
    disable.is_disabled = true;
    enable.is_disabled = false;
    ASSERT_TRUE(change("ada", disable));
    EXPECT_EQ(code_of(secret), ErrorCode::forbidden);
    EXPECT_FALSE(standing->holds(clock_.utc_now()));
    ASSERT_TRUE(change("ada", enable));
    const auto again = accounts_->check(secret);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->standing->holds(clock_.utc_now()));
    EXPECT_FALSE(standing->holds(clock_.utc_now())) << "what was cut off stays cut off";
}

TEST_F(Tokens, ExpireWhenTheyWereToldTo) {
    add("ada");
    const std::string secret = token_of("ada", "course", clock_.utc_now() + 1h);
    EXPECT_TRUE(accounts_->check(secret));
    clock_.advance(59min);
    EXPECT_TRUE(accounts_->check(secret));
    clock_.advance(1min);
    const auto late = accounts_->check(secret);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::unauthenticated);
    EXPECT_NE(late.error().message.find("'course' has expired"), std::string::npos);
}

TEST_F(Tokens, RememberTheirUseCoarsely) {
    add("ada");
    const std::string secret = token_of("ada");
    const UtcMillis first = clock_.utc_now();
    ASSERT_TRUE(accounts_->check(secret));
    clock_.advance(9min);
    ASSERT_TRUE(accounts_->check(secret));
    EXPECT_EQ(accounts_->tokens_of("ada")->front()->last_used, first);
    clock_.advance(1min);
    ASSERT_TRUE(accounts_->check(secret));
    restart();
    EXPECT_EQ(accounts_->tokens_of("ada")->front()->last_used, first + 10min);
}

TEST_F(Tokens, ThatCanNotBeAreRefused) {
    add("ada");
    const auto code = [&](std::string user, std::string name, std::optional<UtcMillis> expires = {}) {
        const auto issued = run(accounts_->issue_token(std::move(user), std::move(name), expires, "user:admin"));
        return issued ? ErrorCode::internal : issued.error().code;
    };
    EXPECT_EQ(code("nobody", "laptop"), ErrorCode::not_found);
    EXPECT_EQ(code("ada", "two words"), ErrorCode::malformed);
    EXPECT_EQ(code("admin", "admin-token"), ErrorCode::conflict);
    EXPECT_EQ(code("ada", "old", clock_.utc_now()), ErrorCode::out_of_range);
    EXPECT_EQ(code("ada", "eternal", clock_.utc_now() + 24h * 366 * 6), ErrorCode::out_of_range);
    token_of("ada");
    EXPECT_EQ(code("ada", "laptop"), ErrorCode::conflict);
    for (std::size_t i = 1; i < Accounts::kMostTokens; ++i) token_of("ada", "t" + std::to_string(i));
    EXPECT_EQ(code("ada", "one-more"), ErrorCode::too_many);
}

TEST_F(Tokens, GoWithTheirUser) {
    add("ada");
    const std::string secret = token_of("ada");
    ASSERT_TRUE(run(accounts_->remove_user("ada")));
    EXPECT_EQ(code_of(secret), ErrorCode::unauthenticated);
    add("ada");
    EXPECT_EQ(code_of(secret), ErrorCode::unauthenticated) << "the next of that name is another";
    restart();
    EXPECT_EQ(code_of(secret), ErrorCode::unauthenticated);
}

}  // namespace
}  // namespace labhub::coordinator::accounts
