#pragma once

#include <filesystem>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::store {

inline const DeviceAddress kVessel{NodeId{"n1"}, "vessel"};
inline constexpr std::int64_t kStart = 1'770'000'000'000;  // 2026-02-02 02:40 UTC
inline constexpr std::int64_t kDay = 86'400'000;

/// A folder of its own, and stores in it that are tended only when a test says so.
class StoreFixture : public testing::Test {
  protected:
    void TearDown() override {
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    TelemetryStore& open(TelemetryOptions options = {}) {
        store_.reset();
        options.has_own_thread = false;
        options.clock = &clock_;
        auto opened = TelemetryStore::open(folder_ / "telemetry", std::move(options));
        EXPECT_TRUE(opened) << opened.error().to_string();
        store_ = std::move(*opened);
        return *store_;
    }
    template <class T>
    T run(Task<T> task) {
        asio::io_context context;
        auto future = asio::co_spawn(context, std::move(task), asio::use_future);
        context.run();
        return future.get();
    }
    SeriesId series(std::string_view metric) { return *store_->resolve(kVessel, metric); }
    StoreCounts put(std::string_view metric, std::vector<std::pair<std::int64_t, Value>> values) {
        std::vector<NewSample> samples;
        for (auto& [time, value] : values)
            samples.push_back({series(metric), Quality::good, UtcMillis{time}, std::move(value)});
        auto counts = store_->append(std::span<const NewSample>(samples));
        EXPECT_TRUE(counts) << counts.error().to_string();
        return counts ? *counts : StoreCounts{};
    }
    /// `count` numbers `period` ms apart: sample i is i / 8.
    void put_ramp(std::string_view metric, std::int64_t from, std::int64_t period, int count) {
        std::vector<std::pair<std::int64_t, Value>> values;
        for (int i = 0; i < count; ++i) values.emplace_back(from + i * period, i / 8.0);
        EXPECT_EQ(put(metric, std::move(values)).stored, static_cast<std::uint64_t>(count));
    }
    std::vector<Sample> all(std::string_view metric, std::int64_t from = 0, std::int64_t to = 1LL << 46) {
        auto scan = store_->scan({series(metric)}, UtcMillis{from}, UtcMillis{to});
        std::vector<Sample> samples;
        while (true) {
            auto page = scan.next_here(1000);
            EXPECT_TRUE(page) << page.error().to_string();
            if (!page || page->empty()) return samples;
            for (auto& one : *page) samples.push_back(std::move(one.sample));
        }
    }
    std::vector<std::int64_t> times(std::string_view metric) {
        std::vector<std::int64_t> times;
        for (const auto& sample : all(metric)) times.push_back(sample.time.count);
        return times;
    }

    const std::filesystem::path folder_ =
        std::filesystem::path(testing::TempDir()) / ("labhub-telemetry-" + random_hex(4));
    ManualClock clock_{UtcMillis{kStart}};
    std::unique_ptr<TelemetryStore> store_;
};

}  // namespace labhub::coordinator::store
