#include "firmware-bridge/drivers/board/board_link.hpp"

#include <utility>
#include <vector>

#include "firmware-bridge/drivers/board/board_messages.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace wire = labhub::board;
constexpr int kAttempts = 4;
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
    : executor_(executor), port_(std::move(port)), counters_(counters), last_id_(last_id), closed_(executor) {
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
    for (const auto& waiting : waiting_) {
        if (waiting->id != message.id()) continue;
        waiting->reply = std::move(message);
        waiting->wake.cancel();
        return;
    }
    // Nobody waits: the second reply to a request that was repeated.
}

Result<void> BoardLink::send(std::span<const std::uint8_t> frame) {
    auto sent = port_.send(frame);
    if (sent) ++counters_.frames_sent;
    return sent;
}

Error BoardLink::closed_error() const { return {ErrorCode::unavailable, why_closed()}; }

Task<Result<wire::FromBoard>> BoardLink::request(wire::ToBoard message, std::chrono::milliseconds limit,
                                                 bool keep_open) {
    const auto self = shared_from_this();
    if (waiting_.size() >= kMaxWaitingRequests) {
        Error full{ErrorCode::too_many, "too many requests wait for the board"};
        co_return full;
    }
    if (++last_id_ == 0) ++last_id_;  // 0 is the id of events
    message.set_id(last_id_);
    const auto frame = encode(message);
    const auto waiting = std::make_shared<Waiting>(last_id_, asio::steady_timer(executor_), std::nullopt);
    const Listed listed(waiting_, waiting);

    for (int attempt = 0; attempt < kAttempts && is_open() && !waiting->reply; ++attempt) {
        if (attempt > 0) ++counters_.repetitions;
        if (auto sent = send(frame); !sent) close(sent.error().message);
        if (!is_open()) break;
        waiting->wake.expires_after(limit / kAttempts);
        co_await waiting->wake.async_wait(as_result);
    }
    if (!waiting->reply && is_open()) {
        ++counters_.timeouts;
        Error late{ErrorCode::timed_out, "the board did not answer within " + format_duration(limit)};
        if (!keep_open) close(late.message);
        co_return late;
    }
    if (!waiting->reply) {
        Error closed = closed_error();
        co_return closed;
    }
    if (!waiting->reply->has_failure()) co_return std::move(*waiting->reply);
    if (waiting->reply->failure().code() == wire::HELLO_FIRST) close("the board has been started again");
    Error refused = to_error(waiting->reply->failure());
    co_return refused;
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
