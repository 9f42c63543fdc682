#include "coordinator/domain/alarms/journal.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::alarms {
namespace {

constexpr std::chrono::seconds kRetry{1};
constexpr std::chrono::seconds kLastAttempts{2};

}  // namespace

Journal::Journal(asio::any_io_executor executor, store::AlarmStore& store)
    : executor_(executor), store_(store), news_(executor, Steady::time_point::max()), tasks_(executor) {}

std::uint64_t Journal::record(Alarm alarm, Event event, std::vector<std::string> channels) {
    // The first one may be under way: it is taken off by store_all() alone.
    if (queue_.size() >= kBound) {
        queue_.erase(queue_.begin() + 1);
        ++given_up_;
        spdlog::error("a transition of an alarm was given up, as {} wait to be stored: {}", kBound, problem_);
    }
    queue_.push_back({++recorded_, std::move(alarm), std::move(event), std::move(channels)});
    if (!is_storing_) {
        is_storing_ = true;
        tasks_.spawn("store alarms", store_all());
    }
    return recorded_;
}

Task<void> Journal::store_all() {
    while (!queue_.empty()) {
        Item item = queue_.front();
        const bool is_told = !item.channels.empty();
        auto stored = co_await store_.record(std::move(item.alarm), std::move(item.event), std::move(item.channels));
        if (stored) {
            queue_.pop_front();
            stored_ = item.number;
            problem_.clear();
            news_.cancel();
            if (is_told && on_stored) on_stored();
            continue;
        }
        if (problem_ != stored.error().to_string())
            spdlog::error("can't store an alarm, trying again: {}", stored.error().to_string());
        problem_ = stored.error().to_string();
        if (is_stopping_) break;
        co_await sleep_for(kRetry);
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) break;
    }
    is_storing_ = false;
    news_.cancel();
}

Task<Result<void>> Journal::wait_for(std::uint64_t number, std::chrono::milliseconds limit) {
    const auto until = Steady::now() + limit;
    while (stored_ < number && Steady::now() < until) {
        asio::steady_timer give_up(executor_, until);
        using namespace asio::experimental::awaitable_operators;
        co_await (news_.async_wait(as_result) || give_up.async_wait(as_result));
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) break;
    }
    if (stored_ >= number) co_return Result<void>{};
    Error late{ErrorCode::unavailable, "it is done, but not stored yet",
               problem_.empty() ? "the database is slow" : problem_};
    co_return late;
}

Task<void> Journal::stop() {
    is_stopping_ = true;
    const auto until = Steady::now() + kLastAttempts;
    while (is_storing_ && Steady::now() < until) {
        asio::steady_timer give_up(executor_, until);
        using namespace asio::experimental::awaitable_operators;
        co_await (news_.async_wait(as_result) || give_up.async_wait(as_result));
    }
    co_await tasks_.stop();
}

}  // namespace labhub::coordinator::alarms
