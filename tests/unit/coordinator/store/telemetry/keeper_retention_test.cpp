#include "shared/sqlite/database.hpp"
#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

constexpr std::int64_t kFirstDay = kStart - kStart % kDay;

class Retention : public StoreFixture {
  protected:
    /// Everything is kept for two days.
    static TelemetryOptions brief() {
        TelemetryOptions options;
        options.classes = {SeriesClass{"default", {}, 2, std::nullopt}};
        return options;
    }
    /// A minute of looks at a time, until all that is due is deleted.
    void look_for_hours(int hours) {
        for (int look = 0; look < 60 * hours; ++look) {
            ASSERT_TRUE(store_->settle());
            clock_.advance(std::chrono::minutes{1});
        }
    }
    /// What the series list says is what is there.
    void expect_figures(std::string_view metric, std::size_t count) {
        const auto samples = all(metric);
        const auto info = store_->info(series(metric));
        EXPECT_EQ(samples.size(), count) << metric;
        EXPECT_EQ(info->count, count) << metric;
        EXPECT_EQ(info->first.count, samples.empty() ? 0 : samples.front().time.count) << metric;
        EXPECT_EQ(info->last.count, samples.empty() ? 0 : samples.back().time.count) << metric;
    }
    void put_days(std::string_view metric, std::initializer_list<int> days) {
        for (const int day : days) put_ramp(metric, kStart + day * kDay, 1'000, 100);
    }
};

TEST_F(Retention, TheSeriesListSaysWhatIsLeft) {
    open(brief());
    put_days("steady", {0, 1, 2, 3, 4, 5});
    put_days("ended", {0, 1});
    put_days("paused", {0, 4});
    ASSERT_TRUE(store_->settle());
    put_ramp("steady", kStart + 5 * kDay + 1'000'000, 1'000, 7);
    const auto check = [&] {
        expect_figures("steady", 307);
        expect_figures("ended", 0);
        expect_figures("paused", 100);
        EXPECT_EQ(store_->statistics().samples, 407u);
        EXPECT_EQ(store_->series().size(), 3u) << "what has nothing left is still known";
        EXPECT_EQ(run(store_->latest({series("ended")}))->size(), 0u);
    };
    clock_.advance(std::chrono::hours{24 * 5});
    look_for_hours(3);
    check();
    open(brief());
    check();
    put_ramp("ended", kStart + 5 * kDay, 1'000, 3);
    expect_figures("ended", 3);
    open(brief());
    expect_figures("ended", 3);
}

TEST_F(Retention, AnotherClassOfTheSameDayStays) {
    auto options = brief();
    options.classes.push_back(SeriesClass{"long", {"kept"}, std::nullopt, std::nullopt});
    open(options);
    put_days("kept", {0, 1, 2, 3, 4});
    put_days("temp", {0, 1, 2, 3, 4});
    clock_.advance(std::chrono::hours{24 * 4});
    look_for_hours(3);
    expect_figures("kept", 500);
    expect_figures("temp", 300);
}

TEST_F(Retention, ADeletionThatWasCutOffIsFinishedAtTheNextStart) {
    open();
    put_days("temp", {0, 1});
    ASSERT_TRUE(store_->settle());
    store_.reset();
    const auto first_file = folder_ / "telemetry/partitions/default/2026-02-02.db";
    ASSERT_TRUE(std::filesystem::exists(first_file));
    {
        auto journal = sqlite::Database::open(folder_ / "telemetry/journal.db");
        ASSERT_TRUE(journal);
        ASSERT_TRUE(journal->run("INSERT INTO removal (class, day) VALUES ('default', ?)", kFirstDay));
        ASSERT_TRUE(journal->run("UPDATE series SET first = ?, count = 100", kStart + kDay));
    }
    open();
    EXPECT_FALSE(std::filesystem::exists(first_file));
    expect_figures("temp", 100);
    // What comes late for that day begins it anew, and stays.
    put_ramp("temp", kStart + 50'000'000, 1'000, 10);
    ASSERT_TRUE(store_->settle());
    expect_figures("temp", 110);
    open();
    expect_figures("temp", 110);
}

TEST_F(Retention, ADamagedPartitionTakesItsSamplesWithItUncounted) {
    open(brief());
    put_days("temp", {0, 1, 2, 3, 4});
    ASSERT_TRUE(store_->settle());
    store_.reset();
    std::filesystem::resize_file(folder_ / "telemetry/partitions/default/2026-02-02.db", 0);
    open(brief());
    clock_.advance(std::chrono::hours{24 * 4});
    look_for_hours(3);
    EXPECT_EQ(all("temp").size(), 300u);
    EXPECT_EQ(store_->info(series("temp"))->first.count, kStart + 2 * kDay);
}

}  // namespace
}  // namespace labhub::coordinator::store
