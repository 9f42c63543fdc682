#include "coordinator/domain/jobs/followers.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/base/clock.hpp"

namespace labhub::coordinator::jobs {
namespace {

constexpr std::chrono::seconds kLong{60};

Task<void> wait_twice(Follower* follower, int* woken) {
    co_await follower->wait(kLong);
    ++*woken;
    co_await follower->wait(kLong);
    ++*woken;
}

TEST(Followers, AreWokenByNewsOfTheirJobFromAnyThread) {
    asio::io_context context;
    Followers followers(context.get_executor());
    const auto follower = std::move(*followers.open(JobId{"j1"}, "user:ada"));
    int woken = 0;
    const auto began = Steady::now();
    asio::co_spawn(context, wait_twice(follower.get(), &woken), asio::detached);
    context.poll();
    EXPECT_EQ(woken, 1) << "what happened before it began to wait is news";
    const auto tell = followers.listener();
    std::thread([&] { tell(JobId{"j2"}); }).join();
    context.poll();
    EXPECT_EQ(woken, 1);
    std::thread([&] { tell(JobId{"j1"}); }).join();
    context.run();
    EXPECT_EQ(woken, 2);
    EXPECT_LT(Steady::now() - began, kLong);
}

TEST(Followers, MissNothingBetweenTwoWaits) {
    asio::io_context context;
    Followers followers(context.get_executor());
    const auto follower = std::move(*followers.open(JobId{"j1"}, "user:ada"));
    int woken = 0;
    followers.wake(JobId{"j1"});
    asio::co_spawn(context, wait_twice(follower.get(), &woken), asio::detached);
    context.poll();
    EXPECT_EQ(woken, 1);
    followers.wake(JobId{"j1"});
    context.run();
    EXPECT_EQ(woken, 2);
}

TEST(Followers, AreBoundedForEachCallerAndInAll) {
    asio::io_context context;
    Followers followers(context.get_executor());
    std::vector<std::unique_ptr<Follower>> all;
    for (std::size_t i = 0; i < Followers::kMostOfOne; ++i)
        all.push_back(std::move(*followers.open(JobId{"j1"}, "user:ada")));
    EXPECT_EQ(followers.open(JobId{"j2"}, "user:ada").error().code, ErrorCode::too_many);
    all.pop_back();
    EXPECT_TRUE(followers.open(JobId{"j2"}, "user:ada")) << "one that left makes room";
    std::vector<std::unique_ptr<Follower>> of_script;
    for (std::size_t i = 0; i < Followers::kMostOfScript; ++i)
        of_script.push_back(std::move(*followers.open(JobId{"j1"}, "job:j1")));
    EXPECT_EQ(followers.open(JobId{"j1"}, "job:j1").error().code, ErrorCode::too_many);
    of_script.clear();
    for (std::size_t i = all.size(); i < Followers::kMost; ++i)
        all.push_back(std::move(*followers.open(JobId{"j1"}, "user:" + std::to_string(i))));
    EXPECT_EQ(followers.open(JobId{"j1"}, "user:new").error().code, ErrorCode::too_many);
    EXPECT_EQ(followers.size(), Followers::kMost);
}

TEST(Followers, OutliveWhatTheyFollow) {
    asio::io_context context;
    auto followers = std::make_unique<Followers>(context.get_executor());
    const auto follower = std::move(*followers->open(JobId{"j1"}, "user:ada"));
    const auto tell = followers->listener();
    followers.reset();
    tell(JobId{"j1"});
    context.run();
    SUCCEED();
}

}  // namespace
}  // namespace labhub::coordinator::jobs
