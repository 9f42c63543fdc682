#include "shared/sqlite/database.hpp"
#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

class SpoolPositionsTest : public StoreFixture {
  protected:
    bool put_with(std::int64_t time, std::vector<SpoolPosition> positions) {
        const NewSample sample{series("temp"), Quality::good, UtcMillis{time}, 1.0};
        const auto stored = store_->append(std::span(&sample, 1), positions);
        return stored && stored->stored == 1;
    }
    std::optional<std::int64_t> position(const std::string& node, const std::string& life) {
        return store_->spool_position(NodeId{node}, life);
    }
};

TEST_F(SpoolPositionsTest, AreThereAgainAfterARestartSealedOrNot) {
    open();
    ASSERT_TRUE(put_with(kStart, {{NodeId{"a"}, "x", 7}, {NodeId{"b"}, "y", -3}}));
    ASSERT_TRUE(put_with(kStart + 1, {{NodeId{"a"}, "x", 1'700'000'000'123}}));
    const auto check = [&] {
        EXPECT_EQ(position("a", "x"), 1'700'000'000'123);
        EXPECT_EQ(position("b", "y"), -3);
        EXPECT_EQ(position("c", "x"), std::nullopt);
    };
    check();
    open();
    check();
    ASSERT_TRUE(store_->settle());
    check();
    open();
    check();
    ASSERT_TRUE(put_with(kStart + 2, {{NodeId{"b"}, "y", 4}}));
    open();
    EXPECT_EQ(position("b", "y"), 4);
    EXPECT_EQ(times("temp").size(), 3u);
}

TEST_F(SpoolPositionsTest, AnotherLifeOfTheSpoolHasNone) {
    open();
    ASSERT_TRUE(put_with(kStart, {{NodeId{"a"}, "first", 900}}));
    ASSERT_TRUE(store_->settle());
    EXPECT_EQ(position("a", "second"), std::nullopt);
    ASSERT_TRUE(put_with(kStart + 1, {{NodeId{"a"}, "second", 5}}));
    open();
    EXPECT_EQ(position("a", "second"), 5) << "lower, but of the present life";
    EXPECT_EQ(position("a", "first"), std::nullopt);
}

TEST_F(SpoolPositionsTest, ANodeThatRepeatsItselfHasNotBecomeLessStored) {
    open();
    ASSERT_TRUE(put_with(kStart, {{NodeId{"a"}, "x", 50}}));
    ASSERT_TRUE(put_with(kStart + 1, {{NodeId{"a"}, "x", 20}}));
    EXPECT_EQ(position("a", "x"), 50);
    open();
    EXPECT_EQ(position("a", "x"), 50);
}

TEST_F(SpoolPositionsTest, CoverNothingThatWasInADamagedRow) {
    open();
    ASSERT_TRUE(put_with(kStart, {{NodeId{"a"}, "x", 1}}));
    ASSERT_TRUE(store_->settle());
    ASSERT_TRUE(put_with(kStart + 1, {{NodeId{"a"}, "x", 2}}));
    ASSERT_TRUE(put_with(kStart + 2, {{NodeId{"a"}, "x", 3}}));
    store_.reset();
    {
        auto journal = sqlite::Database::open(folder_ / "telemetry/journal.db");
        ASSERT_TRUE(journal);
        ASSERT_TRUE(journal->execute("UPDATE batch SET hash = hash + 1 WHERE id = (SELECT min(id) FROM batch)"));
    }
    for (int start = 0; start < 3; ++start) {
        open();
        EXPECT_EQ(position("a", "x"), std::nullopt) << "3 says that 2 is stored, which is lost";
        EXPECT_EQ(times("temp"), (std::vector<std::int64_t>{kStart, kStart + 2}));
        if (start == 1) ASSERT_TRUE(store_->settle());
    }
    ASSERT_TRUE(put_with(kStart + 3, {{NodeId{"a"}, "x", 9}}));
    open();
    EXPECT_EQ(position("a", "x"), 9);
}

}  // namespace
}  // namespace labhub::coordinator::store
