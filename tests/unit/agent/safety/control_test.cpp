#include "agent/safety/control.hpp"

#include <gtest/gtest.h>

namespace labhub::agent::safety {
namespace {

using namespace std::chrono_literals;

TEST(Control, IsNobodysAtFirst) {
    const ManualClock clock;
    const Control control(clock, 10min);
    EXPECT_FALSE(control.is_controlled());
    EXPECT_FALSE(control.next_deadline());
    EXPECT_EQ(control.describe(), "nobody");
    EXPECT_TRUE(control.check(LeaseId{}));
    EXPECT_EQ(control.check(LeaseId{"gone"}).error().code, ErrorCode::conflict);
}

TEST(Control, CountsAnExpiredLeaseAsNoneBeforeAnybodyTookNote) {
    ManualClock clock;
    Control control(clock, 10min);
    control.grant(LeaseId{"a"}, "job:1", 10s);
    clock.advance(10s);
    EXPECT_TRUE(control.lease().empty());
    EXPECT_FALSE(control.check(LeaseId{"a"}));
    const auto ending = control.take_expired();
    ASSERT_TRUE(ending);
    EXPECT_EQ(ending->lease, LeaseId{"a"});
    EXPECT_FALSE(control.take_expired());
}

TEST(Control, EndsTheManualHoldWhenALeaseBegins) {
    ManualClock clock;
    Control control(clock, 10min);
    control.touch_manual();
    EXPECT_NE(control.describe().find("by hand"), std::string::npos);
    control.grant(LeaseId{"a"}, "job:1", 1h);
    clock.advance(11min);
    EXPECT_FALSE(control.take_expired());
    control.touch_manual();
    control.end();
    EXPECT_FALSE(control.is_controlled());
}

}  // namespace
}  // namespace labhub::agent::safety
