#include "coordinator/notify/notifier.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::notify {
namespace {

constexpr std::chrono::hours kRateWindow{1};

Task<bool> is_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

Notifier::Notifier(asio::any_io_executor executor, NotifierSettings settings, Outbox& outbox, Courier& courier,
                   const Clock& clock)
    : executor_(executor),
      settings_(std::move(settings)),
      outbox_(outbox),
      courier_(courier),
      clock_(clock),
      tasks_(executor) {
    for (const Channel& channel : settings_.channels)
        lines_.push_back(std::make_unique<Line>(executor, channel, settings_));
}

Task<Result<void>> Notifier::start() {
    std::vector<std::string> names;
    for (const auto& line : lines_) names.push_back(line->channel.name);
    auto dropped = co_await outbox_.keep_channels(std::move(names));
    if (!dropped) co_return std::move(dropped).error();
    if (*dropped > 0)
        spdlog::warn("{} notifications of {} waited for channels that are not told of them any more", *dropped,
                     outbox_.subject());
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
        spdlog::error("channel {} can't tell of {}, trying again: {}", line.channel.name, outbox_.subject(),
                      error.to_string());
    line.state.problem = error.to_string();
}

Task<void> Notifier::wait_after(Line* line, Error error) {
    failed(*line, error);
    co_await sleep_for(line->backoff.next());
}

Task<void> Notifier::deliver(Line* line, Batch batch) {
    if (batch.given_up > 0) {
        line->state.given_up += batch.given_up;
        spdlog::error("channel {} could not tell of {} events for {}: given up", line->channel.name, batch.given_up,
                      format_duration(settings_.give_up_after));
    }
    if (batch.letter) {
        auto sent = co_await courier_.send(std::move(*batch.letter));
        if (!sent) co_return co_await wait_after(line, sent.error());
        line->sent.push_back(clock_.steady_now());
        ++line->state.delivered;
    }
    line->state.problem.clear();
    line->backoff.reset();
    while (true) {
        auto noted = co_await outbox_.delivered(line->channel.name, batch.last);
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
        auto has_news = co_await outbox_.has_news(line->channel.name);
        must_wait = has_news && !*has_news;
        if (!has_news) co_await wait_after(line, has_news.error());
        if (must_wait) {  // and nothing is left that could have failed
            line->state.problem.clear();
            line->backoff.reset();
        }
        if (!has_news || must_wait) continue;
        co_await sleep_for(settings_.group_window);
        co_await wait_for_rate(line);
        if (co_await is_cancelled()) co_return;
        const UtcMillis now = clock_.utc_now();
        auto batch = co_await outbox_.pack(line->channel, now - settings_.give_up_after, now);
        if (!batch)
            co_await wait_after(line, batch.error());
        else if (*batch)
            co_await deliver(line, std::move(**batch));
    }
}

}  // namespace labhub::coordinator::notify
