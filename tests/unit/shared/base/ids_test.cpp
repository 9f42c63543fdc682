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

const std::string kEuro = "\xe2\x82\xac";

TEST(CheckMetricName, AcceptsWhatOthersCallTheirMetrics) {
    for (const std::string name : {"Inputs/A", "Supply Voltage", "Node Control/Rebirth", "Temperatur °C", "a",
                                   "+#$%*?,", "..", "-x", " padded ", "温度"})
        EXPECT_TRUE(check_metric_name(name)) << name;
    EXPECT_TRUE(check_metric_name(std::string(128, 'a')));
    EXPECT_TRUE(check_metric_name(std::string(125, 'a') + kEuro)) << "bytes are counted";
}

TEST(CheckMetricName, RefusesWhatNobodyCouldShow) {
    for (const std::string& name :
         {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("\x1b[2J"), std::string("\x7f"),
          std::string("\xc2\x9b"
                      "31m"),
          std::string("\xff"), std::string("\xc3"), std::string("\xed\xa0\x80"), std::string(129, 'a'),
          std::string(126, 'a') + kEuro})
        EXPECT_EQ(check_metric_name(name).error().code, ErrorCode::malformed) << name.size();
    EXPECT_EQ(check_metric_name("a\xc2\x9b"
                                "b")
                  .error()
                  .to_string(),
              "metric 'a\\xc2\\x9bb' is not a valid name (1 to 128 bytes of UTF-8 without control characters)");
}

TEST(CheckAddressId, AcceptsWhatOthersCallTheirNodes) {
    for (const std::string id : {"PLC 1", "Anlage-Süd", "edge_1.2", "a$b", "温室"})
        EXPECT_TRUE(check_address_id("node id", id)) << id;
}

TEST(CheckAddressId, RefusesWhatSparkplugForbidsAndWhatWouldBeTakenForSomethingElse) {
    for (const std::string& id :
         {std::string(), std::string("a/b"), std::string("a+b"), std::string("a#"), std::string("."), std::string(".."),
          std::string(".x"), std::string("-rf"), std::string("$SYS"), std::string(" a"), std::string("a "),
          std::string("a\tb"), std::string("\xff"), std::string(129, 'a')})
        EXPECT_EQ(check_address_id("node id", id).error().code, ErrorCode::malformed) << id;
}

TEST(DeviceAddress, MayHaveNamesOfOthers) {
    const auto address = DeviceAddress::parse("PLC 1/Tank Süd");
    ASSERT_TRUE(address) << address.error().to_string();
    EXPECT_EQ(address->node, NodeId("PLC 1"));
    EXPECT_EQ(address->device, "Tank Süd");
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
