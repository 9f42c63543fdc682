#include "shared/runtime/log.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace labhub {
namespace {

TEST(StartLogging, WritesUtcLevelProgramAndText) {
    const auto before = spdlog::default_logger();
    ASSERT_TRUE(start_logging("agent", "warn"));
    ::testing::internal::CaptureStderr();
    spdlog::info("unseen");
    spdlog::warn("seen");
    const auto text = ::testing::internal::GetCapturedStderr();
    spdlog::set_default_logger(before);
    EXPECT_TRUE(text.ends_with(" warning agent: seen\n")) << text;
    EXPECT_EQ(text[10], 'T');
    EXPECT_EQ(text[23], 'Z');
    EXPECT_EQ(text.find("unseen"), std::string::npos);
}

TEST(StartLogging, RefusesAnUnknownLevel) {
    const auto refused = start_logging("agent", "loud");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "one of trace, debug, info, warn, error, off");
}

}  // namespace
}  // namespace labhub
