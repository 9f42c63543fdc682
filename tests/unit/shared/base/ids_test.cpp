#include "shared/base/ids.hpp"

#include <set>
#include <unordered_set>

#include <gtest/gtest.h>

namespace labhub {
namespace {

TEST(CheckName, AcceptsWhatCanBeAFileAndAUrlSegment) {
    for (const auto* name : {"a", "sim-1", "vial_A_temp", "v1.2", "0", "_x"})
        EXPECT_TRUE(check_name("node id", name)) << name;
    EXPECT_TRUE(check_name("node id", std::string(64, 'a')));
}

TEST(CheckName, RefusesTheRestWithoutRepeatingControlCharacters) {
    for (const std::string name : {"", ".", "..", ".hidden", "-rf", "a/b", "a b", "a+b", "a#", "ä", "a\nb"})
        EXPECT_EQ(check_name("node id", name).error().code, ErrorCode::malformed) << name;
    EXPECT_FALSE(check_name("node id", std::string(65, 'a')));
    const auto error = check_name("node id", "a\x1b[2Jb").error();
    EXPECT_EQ(error.message, "node id 'a?[2Jb' is not a valid name");
}

TEST(DeviceAddress, GoesToTextAndBack) {
    const auto address = DeviceAddress::parse("sim-1/vessel");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->node, NodeId("sim-1"));
    EXPECT_EQ(address->device, "vessel");
    EXPECT_EQ(address->to_string(), "sim-1/vessel");
}

TEST(DeviceAddress, SaysWhatIsWrong) {
    EXPECT_NE(DeviceAddress::parse("vessel").error().message.find("names no node"), std::string::npos);
    for (const auto* text : {"", "/", "a/", "/b", "a/b/c", "../x"}) EXPECT_FALSE(DeviceAddress::parse(text)) << text;
}

TEST(NewId, IsANameAndUnique) {
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) {
        const auto id = new_id();
        ASSERT_EQ(id.size(), 26u);
        ASSERT_TRUE(check_name("id", id));
        ASSERT_TRUE(seen.insert(id).second);
    }
}

TEST(NewId, SortsByAge) {
    const auto first = new_id();
    std::string later;
    for (int i = 0; i < 10'000'000 && later.substr(0, 10) <= first.substr(0, 10); ++i) later = new_id();
    EXPECT_GT(later, first);
}

TEST(Id, CanBeAKey) {
    const std::unordered_set<JobId> jobs{JobId("a"), JobId("b"), JobId("a")};
    EXPECT_EQ(jobs.size(), 2u);
}

}  // namespace
}  // namespace labhub
