#include "coordinator/notify/outbox.hpp"

#include "coordinator/notify/message.hpp"

namespace labhub::coordinator::notify {
namespace {

constexpr std::int64_t kMostEvents = 1'000;  // told of in one message; kMostListed of them one by one

template <class Event>
Result<bool> any_of(const Result<std::vector<Event>>& events) {
    if (!events) return events.error();
    return !events->empty();
}

template <class Event>
Result<std::optional<Batch>> batch_of(Result<std::vector<Event>> events, const Channel& channel, UtcMillis oldest_told,
                                      UtcMillis now) {
    if (!events) return std::move(events).error();
    if (events->empty()) return std::optional<Batch>{};
    Batch batch;
    batch.last = events->back().number;
    batch.given_up = std::erase_if(*events, [&](const Event& event) { return event.time < oldest_told; });
    if (!events->empty()) batch.letter = letter_of(channel, *events, now);
    return std::optional<Batch>(std::move(batch));
}

}  // namespace

Task<Result<bool>> AlarmOutbox::has_news(std::string channel) {
    auto first = co_await store_.undelivered(std::move(channel), 1);
    co_return any_of(first);
}

Task<Result<std::optional<Batch>>> AlarmOutbox::pack(Channel channel, UtcMillis oldest_told, UtcMillis now) {
    auto events = co_await store_.undelivered(channel.name, kMostEvents);
    co_return batch_of(std::move(events), channel, oldest_told, now);
}

Task<Result<void>> AlarmOutbox::delivered(std::string channel, std::int64_t up_to) {
    return store_.delivered(std::move(channel), up_to);
}

Task<Result<std::int64_t>> AlarmOutbox::keep_channels(std::vector<std::string> channels) {
    return store_.keep_channels(std::move(channels));
}

Task<Result<bool>> ReservationOutbox::has_news(std::string channel) {
    auto first = co_await store_.undelivered(std::move(channel), 1);
    co_return any_of(first);
}

Task<Result<std::optional<Batch>>> ReservationOutbox::pack(Channel channel, UtcMillis oldest_told, UtcMillis now) {
    auto events = co_await store_.undelivered(channel.name, kMostEvents);
    co_return batch_of(std::move(events), channel, oldest_told, now);
}

Task<Result<void>> ReservationOutbox::delivered(std::string channel, std::int64_t up_to) {
    return store_.delivered(std::move(channel), up_to);
}

Task<Result<std::int64_t>> ReservationOutbox::keep_channels(std::vector<std::string> channels) {
    return store_.keep_channels(std::move(channels));
}

}  // namespace labhub::coordinator::notify
