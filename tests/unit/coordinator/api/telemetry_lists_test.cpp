// The lists of series and of newest readings. The main thread's share is told by what it allocates: to look through or
// write a list without allocating is not possible.
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "coordinator/api/telemetry.hpp"
#include "shared/base/json.hpp"
#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace {
thread_local std::size_t allocations_of_this_thread = 0;
}  // namespace

void* operator new(std::size_t size) {
    ++allocations_of_this_thread;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace labhub::coordinator::api {
namespace {

class SeriesLists : public store::StoreFixture {
  protected:
    SeriesLists() { open(); }

    void add(int from, int to) {
        std::vector<store::NewSample> samples;
        for (int i = from; i < to; ++i)
            samples.push_back(
                {series("m" + std::to_string(i)), Quality::good, UtcMillis{store::kStart}, Value(i / 8.0)});
        ASSERT_TRUE(store_->append(std::span<const store::NewSample>(samples)));
    }
    boost::json::value answer(Task<Result<http::Response>> asking) {
        auto response = labhub::test::run_task(io_, std::move(asking));
        EXPECT_TRUE(response) << response.error().to_string();
        return response ? *parse_json(std::get<std::string>(response->body)) : boost::json::value{};
    }
    /// What this thread allocates while others answer.
    std::size_t cost_of(Task<Result<http::Response>> asking) {
        const std::size_t before = allocations_of_this_thread;
        const auto response = labhub::test::run_task(io_, std::move(asking));
        EXPECT_TRUE(response);
        return allocations_of_this_thread - before;
    }

    asio::io_context io_{1};
    asio::thread_pool pool_{1};
};

TEST_F(SeriesLists, AreLookedThroughAndWrittenByOtherThreadsHoweverLong) {
    add(0, 10);
    const std::size_t series_of_few = cost_of(series_answer(*store_, pool_, {}, {}));
    const std::size_t latest_of_few = cost_of(latest_answer(*store_, pool_, {}, {}));
    add(10, 6'000);
    EXPECT_LT(cost_of(series_answer(*store_, pool_, {}, {})), series_of_few + 20);
    EXPECT_LT(cost_of(latest_answer(*store_, pool_, {}, {})), latest_of_few + 20);
    EXPECT_LT(latest_of_few, 200u) << "or the measure is none";
}

TEST_F(SeriesLists, ComeInPagesThatSayWhereTheNextBegins) {
    add(0, 5);
    const auto first = answer(series_answer(*store_, pool_, {}, {0, 2}));
    EXPECT_EQ(first.at("total"), 5);
    EXPECT_EQ(first.at("series").as_array().size(), 2u);
    EXPECT_EQ(first.at("next"), 2);
    const auto last = answer(series_answer(*store_, pool_, {}, {4, 2}));
    EXPECT_EQ(last.at("series").at(0).at("metric"), "m4");
    EXPECT_TRUE(last.at("next").is_null());
    const auto beyond = answer(series_answer(*store_, pool_, {}, {50, 2}));
    EXPECT_TRUE(beyond.at("series").as_array().empty() && beyond.at("next").is_null());
}

TEST_F(SeriesLists, OfNewestReadingsLeaveOutSeriesWithoutAny) {
    add(0, 3);
    MetricInfo silent;
    silent.name = "silent", silent.unit = "V";
    ASSERT_TRUE(store_->describe(store::kVessel, {silent}));
    telemetry::Selection named;
    named.series = {"n1/vessel/m2", "n1/vessel/silent", "n1/vessel/m0"};
    const auto reply = answer(latest_answer(*store_, pool_, named, {}));
    ASSERT_EQ(reply.at("latest").as_array().size(), 2u);
    EXPECT_EQ(reply.at("latest").at(0).at("series"), "n1/vessel/m2");
    EXPECT_EQ(reply.at("latest").at(0).at("value"), 0.25);
    EXPECT_EQ(reply.at("total"), 3);
    const auto paged = answer(latest_answer(*store_, pool_, named, {1, 1}));
    EXPECT_TRUE(paged.at("latest").as_array().empty());
    EXPECT_EQ(paged.at("next"), 2) << "what comes after it may have some";
}

TEST_F(SeriesLists, SayWhatIsNotThere) {
    add(0, 2);
    telemetry::Selection unknown;
    unknown.metrics = {"m7"};
    const auto refused = labhub::test::run_task(io_, latest_answer(*store_, pool_, unknown, {}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace labhub::coordinator::api
