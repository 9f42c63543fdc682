#pragma once

#include <list>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub {

/// One at a time, in the order of asking. Used on one executor.
class Turn {
  public:
    static constexpr std::size_t kMaxWaiting = 32;

    explicit Turn(asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// Gives the turn back when destroyed.
    class Held {
      public:
        explicit Held(Turn* turn) : turn_(turn) {}
        Held(Held&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
        Held& operator=(Held&&) = delete;
        ~Held() {
            if (turn_) turn_->pass_on();
        }

      private:
        Turn* turn_;
    };

    /// Waits for the turn. Error too_many when kMaxWaiting are waiting already.
    Task<Result<Held>> take();

  private:
    struct Waiter {
        explicit Waiter(asio::any_io_executor executor) : timer(executor, Steady::time_point::max()) {}
        asio::steady_timer timer;
        bool has_turn = false;
    };
    void pass_on();

    asio::any_io_executor executor_;
    bool taken_ = false;
    std::list<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace labhub
