#include "agent/edge_node/host_state.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::edge_node {
namespace {

using Change = HostState::Change;

TEST(HostState, FollowsTheHostButNotOlderMessages) {
    HostState host;
    EXPECT_FALSE(host.is_offline());
    EXPECT_EQ(*host.update(R"({"online":true,"timestamp":100})"), Change::came_online);
    EXPECT_EQ(*host.update(R"({"online":true,"timestamp":100})"), Change::none);
    EXPECT_EQ(*host.update(R"({"online":false,"timestamp":99})"), Change::none);
    EXPECT_FALSE(host.is_offline());
    EXPECT_EQ(*host.update(R"({"online":false,"timestamp":100})"), Change::went_offline);
    EXPECT_TRUE(host.is_offline());
    EXPECT_EQ(*host.update(R"({"online":true,"timestamp":200})"), Change::came_online);
    EXPECT_EQ(*host.update(R"({"online":true,"timestamp":300})"), Change::came_online) << "a host that started anew";
}

TEST(HostState, RefusesWhatIsNoState) {
    HostState host;
    for (const char* text : {"", "ONLINE", "[]", "{}", R"({"online":1,"timestamp":1})", R"({"online":true})",
                             R"({"online":true,"timestamp":"x"})"})
        EXPECT_EQ(host.update(text).error().code, ErrorCode::malformed) << text;
    EXPECT_FALSE(host.is_offline());
}

}  // namespace
}  // namespace labhub::agent::edge_node
