#include "agent/ssh_server/text_table.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::ssh_server {
namespace {

TEST(TextTable, AlignsColumnsByCharactersAndLeavesNoBlanksAtLineEnds) {
    TextTable table({Align::left, Align::right, Align::left});
    table.row({"a", "1.5", "µL"});
    table.row({"longer", "10", ""});
    EXPECT_EQ(table.to_string(), "a       1.5  µL\nlonger   10\n");
}

TEST(TextTable, TakesShortRows) {
    TextTable table({Align::left, Align::left});
    table.row({});
    table.row({"x"});
    EXPECT_EQ(table.to_string(), "\nx\n");
}

}  // namespace
}  // namespace labhub::agent::ssh_server
