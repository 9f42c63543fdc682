#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <random>
#include <thread>
#include <unordered_set>

#include <spdlog/spdlog.h>

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

constexpr int kMetrics = 4;
constexpr int kBatch = 60;
constexpr std::int64_t kStep = 40'000;  // a day is over after 36 batches
const std::string kLife = "boot/0";

double value_of(int metric, std::int64_t time) { return static_cast<double>((time / 7 + metric) % 10'007) / 16; }

TelemetryOptions options_of(const Clock& clock) {
    TelemetryOptions options;
    options.clock = &clock;
    options.seal_samples = 3'000;
    options.classes = {SeriesClass{"brief", {"m3"}, 2, std::nullopt}};
    return options;
}

/// Time of sample `i` of batch `batch`: every fifth batch comes late, after the next.
std::int64_t time_of(std::int64_t batch, int i) {
    if (batch % 5 == 3)
        ++batch;
    else if (batch % 5 == 4)
        --batch;
    return kStart + (batch * kBatch + i) * kStep;
}

/// Appends batch after batch, from `first` on, and tells the pipe of each that append returned for.
[[noreturn]] void write_until_killed(const std::filesystem::path& folder, std::int64_t first, int pipe) {
    ManualClock clock{UtcMillis{time_of(first, 0)}};
    auto store = TelemetryStore::open(folder, options_of(clock));
    if (!store) {
        std::fprintf(stderr, "open: %s\n", store.error().to_string().c_str());
        ::_exit(3);
    }
    SeriesId ids[kMetrics];
    for (int m = 0; m < kMetrics; ++m) ids[m] = *(*store)->resolve(kVessel, "m" + std::to_string(m));
    for (std::int64_t batch = first;; ++batch) {
        std::vector<NewSample> samples;
        // The batch before again: a node sends what it heard no acknowledgement for.
        for (const auto b : {std::max<std::int64_t>(0, batch - 1), batch})
            for (int m = 0; m < kMetrics; ++m)
                for (int i = 0; i < kBatch; ++i) {
                    const std::int64_t time = time_of(b, i);
                    samples.push_back({ids[m], Quality::good, UtcMillis{time}, value_of(m, time)});
                }
        const SpoolPosition position{kVessel.node, kLife, batch};
        auto stored = (*store)->append(samples, std::span(&position, 1));
        for (int tries = 0; !stored && tries < 500; ++tries) {  // this writer is faster than sealing with fsync
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
            stored = (*store)->append(samples, std::span(&position, 1));
        }
        if (!stored) ::_exit(4);
        if (::write(pipe, &batch, sizeof batch) != sizeof batch) ::_exit(5);
    }
}

class Kill : public StoreFixture {
  protected:
    /// Every acknowledged sample is there once with its value, and so is every one that the stored position of the
    /// spool covers; nothing is there that was never written.
    void check(std::int64_t acknowledged) {
        open(options_of(clock_));
        const auto position = store_->spool_position(kVessel.node, kLife);
        ASSERT_TRUE(position);
        ASSERT_GE(*position, acknowledged);
        ASSERT_LE(*position, acknowledged + 1);
        for (int m = 0; m < kMetrics - 1; ++m) {
            const auto samples = all("m" + std::to_string(m));
            std::int64_t before = -1;
            std::unordered_set<std::int64_t> times;
            for (const auto& sample : samples) {
                ASSERT_GT(sample.time.count, before);
                before = sample.time.count;
                ASSERT_EQ(sample.value, Value{value_of(m, sample.time.count)});
                times.insert(sample.time.count);
            }
            for (std::int64_t batch = 0; batch <= *position; ++batch)
                for (int i = 0; i < kBatch; ++i)
                    ASSERT_TRUE(times.contains(time_of(batch, i))) << "batch " << batch << ", sample " << i;
            EXPECT_LE(samples.size(), static_cast<std::size_t>((acknowledged + 2) * kBatch));
            EXPECT_EQ(store_->info(series("m" + std::to_string(m)))->count, samples.size());
        }
        store_.reset();
    }
};

TEST_F(Kill, NothingAcknowledgedIsEverLostOrDoubledWhenTheWriterIsKilledAtAnyInstant) {
    spdlog::set_level(spdlog::level::off);
    std::mt19937 random(31);
    std::int64_t acknowledged = -1;
    for (int round = 0; round < 40; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            write_until_killed(folder_ / "telemetry", acknowledged + 1, ends[1]);
        }
        ::close(ends[1]);
        std::this_thread::sleep_for(std::chrono::microseconds{20'000 + random() % 180'000});
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << WEXITSTATUS(status);
        std::int64_t batch = 0;
        while (::read(ends[0], &batch, sizeof batch) == sizeof batch) acknowledged = batch;
        ::close(ends[0]);
        if (round % 8 == 7) check(acknowledged);
        if (HasFatalFailure()) return;
    }
    check(acknowledged);
    spdlog::set_level(spdlog::level::info);
    EXPECT_GT(acknowledged, 100);
}

}  // namespace
}  // namespace labhub::coordinator::store
