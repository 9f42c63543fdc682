#include "coordinator/domain/images/image.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::images {
namespace {

const std::vector<std::string> kModules{"json", "labhub", "matplotlib", "numbers", "numpy", "os", "sklearn"};

TEST(ImageRoles, NoneMeansEverybody) {
    EXPECT_TRUE(may_use({}, "admin"));
    EXPECT_TRUE(may_use({}, ""));
    EXPECT_TRUE(may_use({"admin", "staff"}, "staff"));
    EXPECT_FALSE(may_use({"staff"}, "admin"));
    EXPECT_FALSE(may_use({"staff"}, ""));
}

TEST(ImageImports, TakesWhatTheImageHas) {
    EXPECT_TRUE(check_imports({{"numpy", 1}, {"os", 2}, {"__future__", 3}}, kModules, "python"));
    EXPECT_TRUE(check_imports({}, {}, "python"));
}

TEST(ImageImports, NamesTheFirstMissingOneWithItsLineAndWhatComesClose) {
    const auto checked = check_imports({{"os", 1}, {"nunpy", 4}, {"gone", 5}}, kModules, "python");
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::malformed);
    EXPECT_EQ(checked.error().message, "line 4: the image 'python' has no module 'nunpy'");
    EXPECT_TRUE(checked.error().detail.starts_with("closest: numpy; available: ")) << checked.error().detail;
    EXPECT_NE(checked.error().detail.find("sklearn"), std::string::npos);
}

TEST(ImageImports, FindsTheModuleBehindAnotherSpelling) {
    const auto checked = check_imports({{"NumPy", 1}}, kModules, "python");
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().detail.starts_with("closest: numpy;")) << checked.error().detail;
    const auto swapped = check_imports({{"jsno", 1}}, kModules, "python");
    EXPECT_TRUE(swapped.error().detail.starts_with("closest: json;")) << swapped.error().detail;
    const auto far = check_imports({{"tensorflow", 1}}, kModules, "python");
    EXPECT_TRUE(far.error().detail.starts_with("available: ")) << far.error().detail;
}

}  // namespace
}  // namespace labhub::coordinator::images
