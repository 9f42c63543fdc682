#include "coordinator/domain/jobs/labels.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::jobs {
namespace {

TEST(Labels, SortTagsAndKeepEachOnce) {
    const auto labels = checked_labels({{"yeast", "étude", "growth", "yeast"}, "two\nlines"});
    ASSERT_TRUE(labels) << labels.error().to_string();
    EXPECT_EQ(labels->tags, (std::vector<std::string>{"growth", "yeast", "étude"}));
    EXPECT_EQ(labels->note, "two\nlines");
}

TEST(Labels, RefuseWhatIsNoTag) {
    for (const char* const tag : {"", "a b", "a,b", "a\nb", "-a", "\xFF", "a\tb"})
        EXPECT_EQ(checked_labels({{tag}, ""}).error().code, ErrorCode::malformed) << tag;
    EXPECT_FALSE(checked_labels({{std::string(kLongestTag + 1, 'a')}, ""}));
}

TEST(Labels, AreBounded) {
    Labels many;
    for (std::size_t i = 0; i <= kMostTags; ++i) many.tags.push_back("t" + std::to_string(i));
    EXPECT_EQ(checked_labels(many).error().code, ErrorCode::too_large);
    EXPECT_FALSE(checked_labels({{}, std::string(kLongestNote + 1, 'n')}));
    EXPECT_FALSE(checked_labels({{}, std::string("a\0b", 3)}));
}

}  // namespace
}  // namespace labhub::coordinator::jobs
