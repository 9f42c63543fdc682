#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "coordinator/notify/channel.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::notify {

/// One message, ready to go.
struct Letter {
    Channel channel;
    std::string text;  ///< a webhook's JSON body, or a mail as RFC 5322 has it
    std::chrono::milliseconds timeout{30'000};
};

/// Carries letters over HTTP(S) and SMTP(S) by libcurl, which only this room includes. Has a thread of its own, on
/// which all transfers run beside each other, as name look-ups and TLS may block. Any executor may send. Failure: each
/// letter fails by itself; nothing is tried again here.
class Courier {
  public:
    /// At most so many letters at once; more are Error too_many.
    static constexpr std::size_t kMostUnderWay = 64;

    /// Error internal: libcurl can't be started.
    static Result<std::unique_ptr<Courier>> start();
    ~Courier();
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    /// Errors: timed_out; forbidden (login refused); unavailable, with what the other side said. Never tells secrets.
    Task<Result<void>> send(Letter letter);
    /// Ends the thread; letters under way are Error unavailable. Before the io_context of those who wait.
    void stop();

  private:
    class Post;
    Courier();
    std::unique_ptr<Post> post_;
};

}  // namespace labhub::coordinator::notify
