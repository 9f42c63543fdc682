#include <algorithm>
#include <fstream>
#include <functional>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/base/random.hpp"
#include "tests/support/power_cut/disk.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::Disk;
using test::DiskLog;
using test::DiskRecording;

constexpr int kMetrics = 4;  // the last is of a class that is kept for two days
constexpr int kBatch = 20;
constexpr std::int64_t kStep = 120'000, kDay = 86'400'000;
constexpr std::int64_t kStart = 1'770'000'000'000;  // 2026-02-02 02:40 UTC
constexpr int kKeptDays = 2;
constexpr std::size_t kCuts = 400, kCutsAtOnce = 25;
const DeviceAddress kVessel{NodeId{"n1"}, "vessel"};
const std::string kLife = "first/0";

double value_of(int metric, std::int64_t time) { return static_cast<double>((time / 7 + metric) % 10'007) / 16; }

/// Every fifth batch comes late, after the next.
std::int64_t time_of(std::int64_t batch, int i) {
    if (batch % 5 == 3)
        ++batch;
    else if (batch % 5 == 4)
        --batch;
    return kStart + (batch * kBatch + i) * kStep;
}

/// A store, and the clock it goes by, in a folder of a disk.
struct Lab {
    explicit Lab(const fs::path& disk) : clock(UtcMillis{kStart}) {
        TelemetryOptions options;
        options.has_own_thread = false;
        options.clock = &clock;
        options.seal_samples = 450;
        options.reader_threads = 1;
        options.classes = {SeriesClass{"brief", {"m3"}, kKeptDays, std::nullopt}};
        auto opened = TelemetryStore::open(disk / "telemetry", options);
        EXPECT_TRUE(opened) << opened.error().to_string();
        if (opened) store = std::move(*opened);
    }
    void go_to(std::int64_t batch) {
        const auto ahead = UtcMillis{time_of(batch, 0)} - clock.utc_now();
        if (ahead > 0ms) clock.advance(ahead);
    }
    /// The batch, and again the one before: a node sends what it heard no acknowledgement for.
    bool put(std::int64_t batch) {
        go_to(batch);
        std::vector<NewSample> samples;
        for (const auto b : {std::max<std::int64_t>(0, batch - 1), batch})
            for (int m = 0; m < kMetrics; ++m)
                for (int i = 0; i < kBatch; ++i)
                    samples.push_back({series(m), Quality::good, UtcMillis{time_of(b, i)}, value_of(m, time_of(b, i))});
        const SpoolPosition position{kVessel.node, kLife, batch};
        const auto stored = store->append(samples, std::span(&position, 1));
        EXPECT_TRUE(stored) << stored.error().to_string();
        return stored.has_value();
    }
    SeriesId series(int metric) { return *store->resolve(kVessel, "m" + std::to_string(metric)); }
    /// Their times, having looked at order and values.
    std::vector<std::int64_t> times(int metric) {
        auto scan = store->scan({series(metric)}, UtcMillis{0}, UtcMillis{1LL << 46});
        std::vector<std::int64_t> times;
        bool is_sound = true;
        while (true) {
            auto page = scan.next_here(4'096);
            EXPECT_TRUE(page) << page.error().to_string();
            if (!page || page->empty()) break;
            for (const auto& one : *page) {
                const std::int64_t time = one.sample.time.count;
                const auto* const value = std::get_if<double>(&one.sample.value);
                is_sound = is_sound && (times.empty() || time > times.back());
                is_sound = is_sound && value && *value == value_of(metric, time);
                times.push_back(time);
            }
        }
        EXPECT_TRUE(is_sound) << "m" << metric << ": out of order, twice, or what was never written";
        return times;
    }

    ManualClock clock;
    std::unique_ptr<TelemetryStore> store;
};

class PowerCut : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directories(folder_ / "disk");
        spdlog::set_level(spdlog::level::off);
    }
    void TearDown() override {
        spdlog::set_level(spdlog::level::info);
        fs::remove_all(folder_);
    }

    /// Some moments of the log, ascending.
    std::vector<std::size_t> moments(const DiskLog& log, std::size_t count) {
        std::set<std::size_t> moments{log.steps.size()};
        while (moments.size() < std::min(count, log.steps.size())) moments.insert(random_() % (log.steps.size() + 1));
        return {moments.begin(), moments.end()};
    }
    /// Calls `look` at many moments of the log, all over it again and again: on a slow machine at fewer ones.
    void cut_often(const DiskLog& log, const std::function<void(const Disk&, std::size_t)>& look) {
        const auto until = Steady::now() + 20s;
        while (cuts_ < kCuts && Steady::now() < until) {
            Disk model(log);
            for (const auto moment : moments(log, kCutsAtOnce)) {
                SCOPED_TRACE("cut " + std::to_string(++cuts_) + " at step " + std::to_string(moment));
                model.play_until(moment);
                look(model, moment);
                if (HasFailure()) return;
            }
        }
        RecordProperty("cuts", static_cast<int>(cuts_));
    }
    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-power-cut-" + random_hex(4));
    std::mt19937_64 random_{20'261'122};
    std::size_t cuts_ = 0;
};

/// What was acknowledged when.
struct Acknowledged {
    std::int64_t batch = -1;
    std::size_t at = 0;
};

std::ptrdiff_t count_files(const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

std::int64_t last_before(const std::vector<Acknowledged>& all, std::size_t step) {
    std::int64_t batch = -1;
    for (const auto& each : all)
        if (each.at <= step) batch = each.batch;
    return batch;
}

/// Everything acknowledged is there once; of the batch under way at the cut, all or nothing is. Returns the last batch
/// that is there.
std::int64_t check(Lab& lab, std::int64_t acknowledged) {
    std::set<std::int64_t> present;
    for (int m = 0; m < kMetrics; ++m) {
        const auto times = lab.times(m);
        EXPECT_EQ(lab.store->info(lab.series(m))->count, times.size()) << "m" << m;
        const std::int64_t newest_day = times.empty() ? 0 : times.back() - times.back() % kDay;
        std::set<std::int64_t> missing_days;
        for (std::int64_t batch = 0; batch <= acknowledged + 1; ++batch) {
            int found = 0;
            for (int i = 0; i < kBatch; ++i) {
                const std::int64_t time = time_of(batch, i), day = time - time % kDay;
                const bool is_there = std::binary_search(times.begin(), times.end(), time);
                found += is_there ? 1 : 0;
                if (batch > acknowledged || is_there) continue;
                missing_days.insert(day);
                if (m == kMetrics - 1 && day < newest_day - kKeptDays * kDay) continue;
                ADD_FAILURE() << "m" << m << " lacks sample " << i << " of batch " << batch << " of " << acknowledged;
            }
            if (m == 0 && found > 0) present.insert(batch);
            if (batch == acknowledged + 1) {
                EXPECT_EQ(found, present.contains(batch) ? kBatch : 0) << "m" << m;
            }
        }
        for (const auto day : missing_days) {
            const auto next = std::lower_bound(times.begin(), times.end(), day);
            EXPECT_TRUE(next == times.end() || *next >= day + kDay) << "a day is half deleted";
        }
    }
    const std::int64_t last = present.empty() ? -1 : *present.rbegin();
    EXPECT_LE(last, acknowledged + 1);
    EXPECT_EQ(lab.store->spool_position(kVessel.node, kLife).value_or(-1), last);
    EXPECT_EQ(lab.store->statistics().quarantined_blocks, 0u);
    return last;
}

TEST_F(PowerCut, LosesNothingAcknowledgedAndReadsNothingWrongAtAnyInstant) {
    const fs::path disk = folder_ / "disk", cut = folder_ / "cut", again = folder_ / "again";
    std::vector<Acknowledged> acknowledged;
    DiskRecording recording(disk);
    auto lab = std::make_unique<Lab>(disk);
    for (std::int64_t batch = 0; batch < 190; ++batch) {
        ASSERT_TRUE(lab->put(batch));
        acknowledged.push_back({batch, recording.now()});
        if (batch % 3 == 2) {
            ASSERT_TRUE(lab->store->tend());
        }
        if (batch % 60 != 59) continue;
        lab.reset();
        lab = std::make_unique<Lab>(disk);
    }
    lab.reset();
    EXPECT_LT(count_files(disk / "telemetry/partitions/brief"), count_files(disk / "telemetry/partitions/default"))
        << "no day was deleted";
    const DiskLog log = recording.stop();

    cut_often(log, [&](const Disk& found_disk, std::size_t moment) {
        found_disk.cut(cut, random_);
        DiskRecording after(cut);
        Lab found(cut);
        if (!found.store) return;
        const auto last = check(found, last_before(acknowledged, moment));
        if (cuts_ % 3 != 0) return;
        // Goes on, and is cut off once more.
        std::vector<Acknowledged> later{{last, 0}};
        ASSERT_TRUE(found.put(last + 1));
        later.push_back({last + 1, after.now()});
        ASSERT_TRUE(found.store->settle());
        ASSERT_TRUE(found.put(last + 2));
        later.push_back({last + 2, after.now()});
        found.store.reset();
        const DiskLog second = after.stop();
        Disk model(second);
        for (const auto second_moment : moments(second, 3)) {
            model.play_until(second_moment);
            model.cut(again, random_);
            DiskRecording unsynced(again);
            Lab once_more(again);
            if (once_more.store) check(once_more, last_before(later, second_moment));
        }
    });
}

TEST_F(PowerCut, LosesNothingOfADamagedPartitionThatCanBeRead) {
    const fs::path disk = folder_ / "disk", cut = folder_ / "cut";
    {
        Lab lab(disk);
        for (std::int64_t batch = 0; batch < 60; ++batch) {
            ASSERT_TRUE(lab.put(batch));
            ASSERT_TRUE(lab.store->tend());
        }
        ASSERT_TRUE(lab.store->settle());
    }
    {
        std::fstream file(disk / "telemetry/partitions/default/2026-02-02.db",
                          std::ios::in | std::ios::out | std::ios::binary);
        for (const int page : {2, 3, 4, 5, 6}) {
            file.seekp(page * 4'096);
            file.write("\xff\xff\xff\xff", 4);
        }
    }
    const auto read_all = [](Lab& lab) {
        std::vector<std::vector<std::int64_t>> all;
        for (int m = 0; m < kMetrics; ++m) all.push_back(lab.times(m));
        return all;
    };
    const auto mend = [&](Lab& lab) {
        read_all(lab);
        EXPECT_TRUE(lab.store->tend());
        EXPECT_TRUE(lab.store->tend());
        EXPECT_GE(lab.store->statistics().quarantined_blocks, 1u);
        return read_all(lab);
    };
    DiskRecording recording(disk);
    auto lab = std::make_unique<Lab>(disk);
    const auto kept = mend(*lab);
    lab.reset();
    const DiskLog log = recording.stop();
    EXPECT_FALSE(fs::is_empty(disk / "telemetry/partitions/quarantine"));

    cut_often(log, [&](const Disk& found_disk, std::size_t) {
        found_disk.cut(cut, random_);
        DiskRecording unsynced(cut);
        Lab found(cut);
        if (!found.store) return;
        EXPECT_EQ(mend(found), kept);
    });
}

}  // namespace
}  // namespace labhub::coordinator::store
