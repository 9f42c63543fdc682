#include "coordinator/ingest/refused_metrics.hpp"

#include <memory>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace labhub::coordinator::ingest {
namespace {

using ::testing::HasSubstr;

/// What is logged while it lives.
class Log {
  public:
    Log() : before_(spdlog::default_logger()) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
        sink->set_pattern("%v");
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
    }
    ~Log() { spdlog::set_default_logger(before_); }
    std::string take() {
        std::string text = text_.str();
        text_.str("");
        return text;
    }

  private:
    std::shared_ptr<spdlog::logger> before_;
    std::ostringstream text_;
};

TEST(RefusedMetrics, AreNamedOnceWithWhatWouldBeRight) {
    Log log;
    RefusedMetrics refused(NodeId{"n"});
    refused.note("v", {{"a\\x0ab", why_name_is_refused("a\nb")}});
    EXPECT_EQ(log.take(),
              "node n: metric 'a\\x0ab' of device v is not taken: its name must be 1 to 128 bytes of UTF-8 without "
              "control characters\n");
    refused.note("v", {{"a\\x0ab", why_name_is_refused("a\nb")}});
    EXPECT_EQ(log.take(), "");
    refused.note("w", {{"a\\x0ab", "why"}});
    EXPECT_THAT(log.take(), HasSubstr("of device w is not taken: why"));
}

TEST(RefusedMetrics, CanNotFloodTheLog) {
    Log log;
    RefusedMetrics refused(NodeId{"n"});
    for (std::size_t i = 0; i < RefusedMetrics::kMostNamed; ++i) refused.note("v", {{std::to_string(i), "why"}});
    log.take();
    refused.note("v", {{"one more", "why"}});
    EXPECT_THAT(log.take(), HasSubstr("are counted, but not named"));
    refused.note("v", {{"and another", "why"}});
    EXPECT_EQ(log.take(), "");
}

TEST(RefusedMetrics, AreThoseWhoseNamesNobodyCouldShow) {
    EXPECT_TRUE(why_name_is_refused("Inputs/A").empty());
    EXPECT_FALSE(why_name_is_refused("").empty());
}

}  // namespace
}  // namespace labhub::coordinator::ingest
