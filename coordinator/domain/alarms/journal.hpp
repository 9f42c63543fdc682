#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/domain/alarms/alarm.hpp"
#include "coordinator/store/alarm_store.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::alarms {

/// Brings the transitions of alarms to the store, one transaction each and in the order they happened. A transition
/// that can't be stored is tried again every second, and those after it wait; of more than kBound waiting ones the
/// oldest is given up, counted and logged. Lives on the main thread.
class Journal {
  public:
    static constexpr std::size_t kBound = 10'000;

    Journal(asio::any_io_executor executor, store::AlarmStore& store);

    /// Queues one transition; returns the number to wait for.
    std::uint64_t record(Alarm alarm, Event event, std::vector<std::string> channels);
    /// Until it is stored. Error storage_full and the like: why it is not after `limit`; it goes on being tried.
    Task<Result<void>> wait_for(std::uint64_t number, std::chrono::milliseconds limit);
    /// Ends after what waits was stored, or could not be.
    Task<void> stop();

    std::size_t waiting() const { return queue_.size(); }
    std::uint64_t given_up() const { return given_up_; }
    /// Why the last attempt failed; empty: it didn't.
    const std::string& problem() const { return problem_; }
    /// Called after a transition that channels are to tell of was stored.
    std::function<void()> on_stored;

  private:
    struct Item {
        std::uint64_t number = 0;
        Alarm alarm;
        Event event;
        std::vector<std::string> channels;
    };
    Task<void> store_all();

    asio::any_io_executor executor_;
    store::AlarmStore& store_;
    std::deque<Item> queue_;
    std::uint64_t recorded_ = 0, stored_ = 0, given_up_ = 0;
    std::string problem_;
    bool is_storing_ = false, is_stopping_ = false;
    asio::steady_timer news_;  ///< cancelled when something was stored
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::alarms
