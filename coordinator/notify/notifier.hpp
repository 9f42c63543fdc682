#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/notify/channel.hpp"
#include "coordinator/notify/courier.hpp"
#include "coordinator/notify/outbox.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/backoff.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::notify {

struct NotifierSettings {
    std::vector<Channel> channels;
    std::chrono::milliseconds group_window{5'000};  ///< what happens within it goes into one message
    std::size_t messages_per_hour = 60;             ///< of one channel; what comes above it waits and is grouped
    std::chrono::milliseconds first_retry{1'000}, longest_retry{300'000};
    std::chrono::milliseconds give_up_after{std::chrono::hours{72}};  ///< older events aren't told any more
};

/// How one channel does.
struct ChannelState {
    std::string name;
    std::uint64_t delivered = 0, failed = 0;  ///< messages, since the start
    std::uint64_t given_up = 0;               ///< events nobody was told of
    std::string problem;                      ///< why the last attempt failed; empty: it didn't
};

/// Tells people: takes what the outbox holds for each channel, groups it, sends it, and only then
/// forgets it, so that neither a restart nor a dead mail server loses one (a message may come twice: it has the same id
/// then). Each channel works for itself. Lives on the main thread.
class Notifier {
  public:
    Notifier(asio::any_io_executor executor, NotifierSettings settings, Outbox& outbox, Courier& courier,
             const Clock& clock);

    /// Forgets what waits for channels that are gone, and begins with what waits for the others. Error: the store's.
    Task<Result<void>> start();
    Task<void> stop();
    /// There is something new in the outbox.
    void wake();
    std::vector<ChannelState> state() const;

  private:
    struct Line {
        Line(asio::any_io_executor executor, Channel channel_in, const NotifierSettings& settings)
            : channel(std::move(channel_in)),
              news(executor, Steady::time_point::max()),
              backoff(settings.first_retry, settings.longest_retry) {
            state.name = channel.name;
        }
        Channel channel;
        ChannelState state;
        asio::steady_timer news;  ///< cancelled to wake it
        bool has_news = true;
        std::deque<Steady::time_point> sent;  ///< the messages of the last hour
        Backoff backoff;
    };
    Task<void> serve(Line* line);
    Task<void> wait_for_news(Line* line);
    Task<void> wait_for_rate(Line* line);
    Task<void> deliver(Line* line, Batch batch);
    void failed(Line& line, const Error& error);
    Task<void> wait_after(Line* line, Error error);

    asio::any_io_executor executor_;
    NotifierSettings settings_;
    Outbox& outbox_;
    Courier& courier_;
    const Clock& clock_;
    std::vector<std::unique_ptr<Line>> lines_;
    TaskGroup tasks_;
};

}  // namespace labhub::coordinator::notify
