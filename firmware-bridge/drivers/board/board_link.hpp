#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "firmware-bridge/frame/frame.h"
#include "firmware-bridge/transport/serial_port.hpp"
#include "shared/base/result.hpp"
#include "shared/proto/board.pb.h"
#include "shared/runtime/task.hpp"

namespace labhub::firmware_bridge {

/// How long one request is repeated for want of an answer: until the first of the two is used up.
struct Patience {
    std::chrono::milliseconds limit;
    int attempts = std::numeric_limits<int>::max();
};

/// Requests and replies over one open port, matched by id. Several may be under way at once.
///
/// Thread: that of the executor. Ownership: shared by the driver, its reading task and the requests under
/// way. Failure: a request that no repetition got through fails alone, and the link stays open: whoever keeps
/// the dead-man at bay judges by since_answer() when the board is gone. A line that is gone, and a board that
/// asks to be greeted again, close the link for good; whatever waits on it then ends with `unavailable` and
/// that reason.
class BoardLink : public std::enable_shared_from_this<BoardLink> {
  public:
    using OnEvent = std::function<void(const labhub::board::Event&)>;

    /// `counters` and `last_id` belong to the driver and go on from link to link: ids must rise for as long
    /// as the host process is the same, or the board would take a new write for an old one.
    BoardLink(asio::any_io_executor executor, SerialPort port, BoardCounters& counters, std::uint32_t& last_id);

    /// Takes in what comes until the link is closed.
    Task<void> read_loop(OnEvent on_event);
    /// Sends the request and waits for its reply; sends it again under the same id while none comes. The pause
    /// before a repetition follows the board's own pace, so that a lost frame costs little and a slow board is
    /// not flooded. A Failure of the board comes back as its error. Errors: timed_out, unavailable (closed),
    /// too_many.
    Task<Result<labhub::board::FromBoard>> request(labhub::board::ToBoard message, Patience patience);
    /// Waits until the link is closed, at most that long. For one task alone.
    Task<void> closed_within(std::chrono::milliseconds limit);

    void close(std::string reason);
    bool is_open() const { return !closed_because_; }
    /// Why it was closed; empty while open.
    std::string why_closed() const { return closed_because_.value_or(""); }
    /// Since the board's last answer to any request, or since the link was made.
    Steady::duration since_answer() const { return Steady::now() - answered_at_; }

  private:
    struct Waiting {
        std::uint32_t id;
        asio::steady_timer wake;
        Steady::time_point sent;  ///< the last time
        std::optional<labhub::board::FromBoard> reply;
    };
    using Queue = std::list<std::shared_ptr<Waiting>>;

    void transmit(std::span<const std::uint8_t> frame);
    Steady::duration pause(std::chrono::milliseconds limit) const;
    void take(std::span<const std::uint8_t> bytes, const OnEvent& on_event);
    void dispatch(labhub::board::FromBoard message, const OnEvent& on_event);
    Result<labhub::board::FromBoard> outcome(Waiting& waiting, std::chrono::milliseconds limit);

    asio::any_io_executor executor_;
    SerialPort port_;
    BoardCounters& counters_;
    std::uint32_t& last_id_;
    frame_decoder decoder_{};
    Queue waiting_;
    Steady::time_point answered_at_;
    /// The longest the board took lately from a request to its answer; none before the first one.
    std::optional<Steady::duration> answer_time_;
    asio::steady_timer closed_;
    std::optional<std::string> closed_because_;
};

}  // namespace labhub::firmware_bridge
