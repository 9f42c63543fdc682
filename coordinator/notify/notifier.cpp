#include "coordinator/notify/notifier.hpp"

#include <spdlog/spdlog.h>

#include "coordinator/notify/message.hpp"

namespace labhub::coordinator::notify {
namespace {

constexpr std::int64_t kMostEvents = 1'000;  // told of in one message; kMostListed of them one by one
constexpr std::chrono::hours kRateWindow{1};

Task<bool> is_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

Notifier::Notifier(asio::any_io_executor executor, NotifierSettings settings, store::AlarmStore& store,
                   Courier& courier, const Clock& clock)
    : executor_(executor),
      settings_(std::move(settings)),
      store_(store),
      courier_(courier),
      clock_(clock),
      tasks_(executor) {
    for (const Channel& channel : settings_.channels)
        lines_.push_back(std::make_unique<Line>(executor, channel, settings_));
}

Task<Result<void>> Notifier::start() {
    std::vector<std::string> names;
    for (const auto& line : lines_) names.push_back(line->channel.name);
    auto dropped = co_await store_.keep_channels(std::move(names));
    if (!dropped) co_return std::move(dropped).error();
    if (*dropped > 0) spdlog::warn("{} notifications waited for channels that are not configured any more", *dropped);
    for (const auto& line : lines_) tasks_.spawn("notify " + line->channel.name, serve(line.get()));
    co_return Result<void>{};
}

Task<void> Notifier::stop() { co_await tasks_.stop(); }

void Notifier::wake() {
    for (const auto& line : lines_) {
        line->has_news = true;
        line->news.cancel();
    }
}

std::vector<ChannelState> Notifier::state() const {
    std::vector<ChannelState> all;
    for (const auto& line : lines_) all.push_back(line->state);
    return all;
}

Task<void> Notifier::wait_for_news(Line* line) {
    if (!line->has_news) co_await line->news.async_wait(as_result);
    line->has_news = false;
}

Task<void> Notifier::wait_for_rate(Line* line) {
    auto now = clock_.steady_now();
    while (!line->sent.empty() && now - line->sent.front() >= kRateWindow) line->sent.pop_front();
    if (line->sent.size() < settings_.messages_per_hour) co_return;
    spdlog::warn("channel {} has sent {} messages within an hour: what happens now is told later, in one",
                 line->channel.name, line->sent.size());
    co_await sleep_for(line->sent.front() + kRateWindow - now);
}

void Notifier::failed(Line& line, const Error& error) {
    ++line.state.failed;
    if (line.state.problem != error.to_string())
        spdlog::error("channel {} can't tell of alarms, trying again: {}", line.channel.name, error.to_string());
    line.state.problem = error.to_string();
}

Task<void> Notifier::wait_after(Line* line, Error error) {
    failed(*line, error);
    co_await sleep_for(line->backoff.next());
}

Task<void> Notifier::deliver(Line* line, std::vector<alarms::Event> events) {
    const UtcMillis oldest_told = clock_.utc_now() - settings_.give_up_after;
    const std::int64_t last = events.back().number;
    const auto too_old = std::erase_if(events, [&](const alarms::Event& event) { return event.time < oldest_told; });
    if (too_old > 0) {
        line->state.given_up += too_old;
        spdlog::error("channel {} could not tell of {} events for {}: given up", line->channel.name, too_old,
                      format_duration(settings_.give_up_after));
    }
    if (!events.empty()) {
        Letter letter = letter_of(line->channel, events, clock_.utc_now());
        auto sent = co_await courier_.send(std::move(letter));
        if (!sent) co_return co_await wait_after(line, sent.error());
        line->sent.push_back(clock_.steady_now());
        ++line->state.delivered;
    }
    line->state.problem.clear();
    line->backoff.reset();
    while (true) {
        auto noted = co_await store_.delivered(line->channel.name, last);
        if (noted) co_return;
        co_await wait_after(line, noted.error());
        if (co_await is_cancelled()) co_return;
    }
}

Task<void> Notifier::serve(Line* line) {
    bool must_wait = true;
    while (true) {
        if (must_wait) co_await wait_for_news(line);
        if (co_await is_cancelled()) co_return;
        auto first = co_await store_.undelivered(line->channel.name, 1);
        must_wait = first && first->empty();
        if (!first) co_await wait_after(line, first.error());
        if (must_wait) {  // and nothing is left that could have failed
            line->state.problem.clear();
            line->backoff.reset();
        }
        if (!first || must_wait) continue;
        co_await sleep_for(settings_.group_window);
        co_await wait_for_rate(line);
        if (co_await is_cancelled()) co_return;
        auto events = co_await store_.undelivered(line->channel.name, kMostEvents);
        if (!events)
            co_await wait_after(line, events.error());
        else if (!events->empty())
            co_await deliver(line, std::move(*events));
    }
}

}  // namespace labhub::coordinator::notify
