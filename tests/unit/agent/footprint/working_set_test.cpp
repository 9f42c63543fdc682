#include "agent/footprint/working_set.hpp"

#include <gtest/gtest.h>

#include "shared/base/text.hpp"

namespace labhub::agent::footprint {
namespace {

std::size_t resident_file_kib() {
    std::FILE* const file = std::fopen("/proc/self/status", "r");
    char line[256];
    unsigned long kib = 0;
    while (std::fgets(line, sizeof line, file) && std::sscanf(line, "RssFile: %lu", &kib) != 1) {
    }
    std::fclose(file);
    return kib;
}

TEST(WorkingSet, GivesBackPagesAndEverythingWorksOn) {
    const std::size_t before = resident_file_kib();
    const auto released = release_idle_pages();
    ASSERT_TRUE(released) << released.error().to_string();
    EXPECT_GT(*released, 0u);
    EXPECT_LT(resident_file_kib(), before);
    EXPECT_EQ(format_number(0.25), "0.25");
    EXPECT_THROW(throw std::runtime_error("still works"), std::runtime_error);
    ASSERT_TRUE(release_idle_pages());
}

}  // namespace
}  // namespace labhub::agent::footprint
