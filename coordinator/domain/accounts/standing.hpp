#pragma once

#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::accounts {

/// Whether a token still counts, for whatever goes on for long on the strength of it. Ends when the token is revoked or
/// expires, or its user is disabled. Shared; main thread.
class Standing {
  public:
    Standing(asio::any_io_executor executor, UtcMillis now, std::string token, std::optional<UtcMillis> expires)
        : token_(std::move(token)), expires_(expires), ended_(executor, asio::steady_timer::time_point::max()) {
        if (expires_) ended_.expires_after(*expires_ - now);
    }

    const std::string& token() const { return token_; }  ///< its name
    const std::optional<UtcMillis>& expires() const { return expires_; }
    bool holds(UtcMillis now) const { return !is_over_ && (!expires_ || now < *expires_); }
    void end() {
        is_over_ = true;
        ended_.cancel();
    }
    /// Returns when it may have ended, or when the waiting task is cancelled.
    Task<void> wait_for_end();

  private:
    std::string token_;
    std::optional<UtcMillis> expires_;
    bool is_over_ = false;
    asio::steady_timer ended_;
};

}  // namespace labhub::coordinator::accounts
