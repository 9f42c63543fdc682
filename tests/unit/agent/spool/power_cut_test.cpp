#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "agent/spool/file_storage.hpp"
#include "tests/support/power_cut/disk.hpp"
#include "tests/unit/agent/support/coroutines.hpp"

namespace labhub::agent::spool {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr UtcMillis kNow{1'770'000'000'000};

double value_of(Position position) { return static_cast<double>(position % 9'973) / 4; }

Row row_at(Position position) {
    auto batch = std::make_shared<Batch>();
    batch->device = "vessel";
    batch->readings.push_back({"x", value_of(position), UtcMillis{position}, Quality::good});
    return {position, Class::reading, std::move(batch)};
}

/// What the storage had said was done, when.
struct Done {
    std::size_t at = 0;
    Position last = 0;
    Position forgotten = 0;
};

class SpoolPowerCut : public testing::Test {
  protected:
    std::unique_ptr<FileStorage> storage(const fs::path& disk, bool survives) {
        FileStorage::Options options;
        options.survives_power_cut = survives;
        return std::make_unique<FileStorage>(disk / "spool.sqlite", options);
    }
    /// A few hundred rows, of which the older are forgotten now and then; started anew in between.
    test::DiskLog work(const fs::path& disk, bool survives, std::vector<Done>& done) {
        fs::create_directories(disk);
        test::DiskRecording recording(disk);
        for (int start = 0; start < 4; ++start) {
            const auto spool = storage(disk, survives);
            const auto found = spool->open(kNow);
            EXPECT_TRUE(found && !found->was_replaced);
            if (!found) break;
            Position last = found->last;
            for (int n = 0; n < 60; ++n) {
                Change change;
                for (int i = 0; i <= n % 3; ++i) {
                    change.rows.push_back(row_at(++last));
                    written_.insert(last);
                }
                Position forgotten = done.empty() ? 0 : done.back().forgotten;
                if (n % 10 == 9) {
                    forgotten = last - 12;
                    change.forget = Forget{forgotten, {}};
                }
                auto changing = spool->change(std::move(change));
                EXPECT_TRUE(test::run(io_, std::move(changing)));
                done.push_back({recording.now(), last, forgotten});
            }
        }
        return recording.stop();
    }
    /// Cuts at many moments; everything up to `sure` is there but for what was let go, and nothing else ever was.
    void cut_often(const test::DiskLog& log, const std::vector<Done>& done, bool survives) {
        const auto until = Steady::now() + 5s;
        std::mt19937_64 random(1'122);
        for (int round = 0; round < 12 && Steady::now() < until; ++round) {
            std::set<std::size_t> moments{log.steps.size()};
            while (moments.size() < 20) moments.insert(random() % log.steps.size());
            test::Disk model(log);
            for (const auto moment : moments) {
                SCOPED_TRACE("at step " + std::to_string(moment) + " of " + std::to_string(log.steps.size()));
                model.play_until(moment);
                model.cut(folder_.path() / "cut", random);
                const auto next = std::find_if(done.begin(), done.end(), [&](const Done& d) { return d.at > moment; });
                const Done sure = next == done.begin() ? Done{} : *std::prev(next);
                const Position forgotten = next == done.end() ? sure.forgotten : next->forgotten;
                check(survives ? sure.last : 0, forgotten);
                if (HasFailure()) return;
            }
        }
    }
    void check(Position sure, Position forgotten) {
        test::DiskRecording unsynced(folder_.path() / "cut");
        const auto spool = storage(folder_.path() / "cut", true);
        const auto found = spool->open(kNow);
        ASSERT_TRUE(found) << found.error().to_string();
        EXPECT_FALSE(found->was_replaced) << found->damage;
        EXPECT_GE(found->last, sure);
        auto reading = spool->read_after(0, ReadLimit{100'000, 1u << 26});
        const auto rows = test::run(io_, std::move(reading));
        ASSERT_TRUE(rows) << rows.error().to_string();
        std::set<Position> there;
        for (const Row& row : *rows) {
            EXPECT_EQ(row.batch->readings.at(0).value, Value{value_of(row.position)});
            EXPECT_LE(row.position, found->last);
            EXPECT_TRUE(there.insert(row.position).second);
        }
        for (const Position position : written_) {
            if (position > sure) break;
            EXPECT_TRUE(position <= forgotten || there.contains(position)) << position << " of " << sure;
        }
    }

    asio::io_context io_;
    test::TemporaryFolder folder_;
    std::set<Position> written_;
};

TEST_F(SpoolPowerCut, LosesNothingItHasStoredWhereItIsToSurvive) {
    std::vector<Done> done;
    const auto log = work(folder_.path() / "disk", true, done);
    cut_often(log, done, true);
}

TEST_F(SpoolPowerCut, IsNeverDamagedByOne) {
    std::vector<Done> done;
    const auto log = work(folder_.path() / "disk", false, done);
    cut_often(log, done, false);
}

}  // namespace
}  // namespace labhub::agent::spool
