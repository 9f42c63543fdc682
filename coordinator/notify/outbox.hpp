#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/notify/courier.hpp"
#include "coordinator/store/alarm_store.hpp"
#include "coordinator/store/reservation_store.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::notify {

/// What goes out at once over one channel.
struct Batch {
    std::optional<Letter> letter;  ///< unset: everything in it was too old
    std::size_t given_up = 0;      ///< events that were too old to be told
    std::int64_t last = 0;         ///< the event up to which it tells
};

/// What is still to be told over each channel. There are two: of alarms, and of reservations. Lives on the main thread.
class Outbox {
  public:
    virtual ~Outbox() = default;
    /// For the log: "alarms".
    virtual std::string_view subject() const = 0;
    virtual Task<Result<bool>> has_news(std::string channel) = 0;
    /// All that waits for the channel, in one letter dated `now`; events before `oldest_told` are left out. Nothing
    /// where nothing waits.
    virtual Task<Result<std::optional<Batch>>> pack(Channel channel, UtcMillis oldest_told, UtcMillis now) = 0;
    /// The channel has delivered, or given up, everything up to that event.
    virtual Task<Result<void>> delivered(std::string channel, std::int64_t up_to) = 0;
    /// Forgets what waits for other channels than these. Returns how many deliveries that were.
    virtual Task<Result<std::int64_t>> keep_channels(std::vector<std::string> channels) = 0;
};

class AlarmOutbox final : public Outbox {
  public:
    explicit AlarmOutbox(store::AlarmStore& store) : store_(store) {}
    std::string_view subject() const override { return "alarms"; }
    Task<Result<bool>> has_news(std::string channel) override;
    Task<Result<std::optional<Batch>>> pack(Channel channel, UtcMillis oldest_told, UtcMillis now) override;
    Task<Result<void>> delivered(std::string channel, std::int64_t up_to) override;
    Task<Result<std::int64_t>> keep_channels(std::vector<std::string> channels) override;

  private:
    store::AlarmStore& store_;
};

class ReservationOutbox final : public Outbox {
  public:
    explicit ReservationOutbox(store::ReservationStore& store) : store_(store) {}
    std::string_view subject() const override { return "reservations"; }
    Task<Result<bool>> has_news(std::string channel) override;
    Task<Result<std::optional<Batch>>> pack(Channel channel, UtcMillis oldest_told, UtcMillis now) override;
    Task<Result<void>> delivered(std::string channel, std::int64_t up_to) override;
    Task<Result<std::int64_t>> keep_channels(std::vector<std::string> channels) override;

  private:
    store::ReservationStore& store_;
};

}  // namespace labhub::coordinator::notify
