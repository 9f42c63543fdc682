#include "firmware-bridge/drivers/board/board_link.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "firmware-bridge/drivers/board/board_messages.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace wire = labhub::board;
/// Room for at least so many attempts within a request's limit.
constexpr int kFewestAttempts = 4;
/// Between an attempt and its repetition. The shortest is above the tick of a board's main loop.
constexpr auto kShortestPause = std::chrono::milliseconds{20};
constexpr auto kLongestPause = std::chrono::milliseconds{125};
constexpr std::size_t kMaxWaitingRequests = 64;

/// Takes a request off the list however its coroutine ends, by cancellation too.
template <class Queue>
class Listed {
  public:
    Listed(Queue& queue, typename Queue::value_type entry)
        : queue_(queue), at_(queue.insert(queue.end(), std::move(entry))) {}
    ~Listed() { queue_.erase(at_); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

  private:
    Queue& queue_;
    typename Queue::iterator at_;
};

std::vector<std::uint8_t> encode(const wire::ToBoard& message) {
    const std::string payload = message.SerializeAsString();
    std::vector<std::uint8_t> frame(FRAME_MAX_ENCODED);
    frame.resize(frame_encode(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), frame.data()));
    return frame;
}

}  // namespace

BoardLink::BoardLink(asio::any_io_executor executor, SerialPort port, BoardCounters& counters, std::uint32_t& last_id)
    : executor_(executor),
      port_(std::move(port)),
      counters_(counters),
      last_id_(last_id),
      answered_at_(Steady::now()),
      closed_(executor) {
    frame_decoder_init(&decoder_);
}

Task<void> BoardLink::read_loop(OnEvent on_event) {
    const auto self = shared_from_this();
    std::array<std::uint8_t, 2048> buffer;
    while (is_open()) {
        auto came = co_await port_.read(buffer);
        if (!came) {
            close(came.error().message);
            break;
        }
        take(std::span(buffer).first(*came), on_event);
    }
}

void BoardLink::take(std::span<const std::uint8_t> bytes, const OnEvent& on_event) {
    const auto damaged_before = decoder_.damaged;
    for (const auto byte : bytes) {
        if (!frame_decode(&decoder_, byte)) continue;
        wire::FromBoard message;
        if (!message.ParseFromArray(decoder_.bytes, static_cast<int>(decoder_.size))) {
            ++counters_.frames_damaged;
            continue;
        }
        ++counters_.frames_received;
        dispatch(std::move(message), on_event);
    }
    counters_.frames_damaged += decoder_.damaged - damaged_before;
}

void BoardLink::dispatch(wire::FromBoard message, const OnEvent& on_event) {
    if (message.has_event()) return on_event(message.event());
    const auto now = Steady::now();
    answered_at_ = now;
    for (const auto& waiting : waiting_) {
        if (waiting->id != message.id()) continue;
        const auto took = now - waiting->sent;
        answer_time_ = std::max(took, answer_time_.value_or(took) - (answer_time_.value_or(took) - took) / 8);
        waiting->reply = std::move(message);
        waiting->wake.cancel();
        return;
    }
    // Nobody waits for it: the board answered a request as well as its repetition, which therefore came too early.
    if (answer_time_) answer_time_ = std::min<Steady::duration>(kLongestPause, 2 * *answer_time_);
}

/// A line that takes no more bytes loses this frame as noise would; one that is gone is of no use any more.
void BoardLink::transmit(std::span<const std::uint8_t> frame) {
    const auto sent = port_.send(frame);
    if (sent)
        ++counters_.frames_sent;
    else if (sent.error().code != ErrorCode::too_many)
        close(sent.error().message);
}

Steady::duration BoardLink::pause(std::chrono::milliseconds limit) const {
    const Steady::duration longest = std::min<Steady::duration>(kLongestPause, limit / kFewestAttempts);
    const Steady::duration shortest = std::min<Steady::duration>(kShortestPause, longest);
    return answer_time_ ? std::clamp(2 * *answer_time_, shortest, longest) : longest;
}

Task<Result<wire::FromBoard>> BoardLink::request(wire::ToBoard message, Patience patience) {
    const auto self = shared_from_this();
    if (waiting_.size() >= kMaxWaitingRequests) {
        Error full{ErrorCode::too_many, "too many requests wait for the board"};
        co_return full;
    }
    if (++last_id_ == 0) ++last_id_;  // 0 is the id of events
    message.set_id(last_id_);
    const auto frame = encode(message);
    const auto deadline = Steady::now() + patience.limit;
    const auto waiting =
        std::make_shared<Waiting>(last_id_, asio::steady_timer(executor_), Steady::time_point{}, std::nullopt);
    const Listed listed(waiting_, waiting);

    for (int attempt = 0; attempt < patience.attempts && is_open() && !waiting->reply; ++attempt) {
        waiting->sent = Steady::now();
        if (waiting->sent >= deadline) break;
        if (attempt > 0) ++counters_.repetitions;
        transmit(frame);
        if (!is_open()) break;
        waiting->wake.expires_at(std::min(deadline, waiting->sent + pause(patience.limit)));
        co_await waiting->wake.async_wait(as_result);
    }
    co_return outcome(*waiting, patience.limit);
}

Result<wire::FromBoard> BoardLink::outcome(Waiting& waiting, std::chrono::milliseconds limit) {
    if (!waiting.reply && !is_open()) return Error{ErrorCode::unavailable, why_closed()};
    if (!waiting.reply) {
        ++counters_.timeouts;
        return Error{ErrorCode::timed_out, "the board did not answer within " + format_duration(limit)};
    }
    if (!waiting.reply->has_failure()) return std::move(*waiting.reply);
    if (waiting.reply->failure().code() == wire::HELLO_FIRST) close("the board has been started again");
    return to_error(waiting.reply->failure());
}

Task<void> BoardLink::closed_within(std::chrono::milliseconds limit) {
    const auto self = shared_from_this();
    if (!is_open()) co_return;
    closed_.expires_after(limit);
    co_await closed_.async_wait(as_result);
}

void BoardLink::close(std::string reason) {
    if (closed_because_) return;
    closed_because_ = std::move(reason);
    port_.close();
    closed_.cancel();
    for (const auto& waiting : waiting_) waiting->wake.cancel();
}

}  // namespace labhub::firmware_bridge
