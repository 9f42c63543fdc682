#include <gtest/gtest.h>

#include "coordinator/cli/access.hpp"
#include "shared/base/files.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli {
namespace {

class AccessTest : public ::testing::Test {
  protected:
    void put(const std::string& name, const std::string& text) { ASSERT_TRUE(write_file(folder_.path() / name, text)); }
    AccessRequest request() const {
        AccessRequest request;
        request.data = folder_.path();
        return request;
    }
    testing::TestFolder folder_;
};

TEST_F(AccessTest, IsTheDefaultPortWithoutATokenWhenNothingIsKnown) {
    const auto access = find_access(request());
    ASSERT_TRUE(access);
    EXPECT_EQ(access->url, "http://127.0.0.1:8700");
    EXPECT_EQ(access->token, "");
}

TEST_F(AccessTest, FindsTheHubThatUpLeftInTheFolder) {
    put("url", "http://127.0.0.1:9123\n");
    put("admin-token", "secret\n");
    const auto access = find_access(request());
    ASSERT_TRUE(access);
    EXPECT_EQ(access->url, "http://127.0.0.1:9123");
    EXPECT_EQ(access->token, "secret");
}

TEST_F(AccessTest, SendsTheFoldersTokenToNoOtherMachine) {
    put("admin-token", "secret\n");
    AccessRequest elsewhere = request();
    elsewhere.url = "http://lab.example:8700";
    EXPECT_EQ(find_access(elsewhere)->token, "");
    AccessRequest here = request();
    here.url = "http://localhost:8700";
    EXPECT_EQ(find_access(here)->token, "secret");
}

TEST_F(AccessTest, PrefersWhatWasSaid) {
    put("url", "http://127.0.0.1:9123");
    put("admin-token", "secret");
    put("mine", "my-token \n");
    AccessRequest said = request();
    said.url = "http://lab.example:80";
    said.token_file = folder_.path() / "mine";
    const auto access = find_access(said);
    ASSERT_TRUE(access);
    EXPECT_EQ(access->url, "http://lab.example:80");
    EXPECT_EQ(access->token, "my-token");
}

TEST_F(AccessTest, RefusesATokenFileThatIsNotThereAndAnAddressThatIsNone) {
    AccessRequest said = request();
    said.token_file = folder_.path() / "missing";
    EXPECT_EQ(find_access(said).error().code, ErrorCode::not_found);
    AccessRequest wrong = request();
    wrong.url = "lab.example";
    EXPECT_FALSE(find_access(wrong));
}

}  // namespace
}  // namespace labhub::cli
