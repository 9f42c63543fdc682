#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
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

/// Requests and replies over one open port, matched by id. Several may be under way at once.
///
/// Thread: that of the executor. Ownership: shared by the driver, its reading task and the requests under
/// way. Failure: a line that is gone, a request that no repetition got through, and a board that asks to be
/// greeted again close the link for good; whatever waits on it then ends with `unavailable` and that reason.
class BoardLink : public std::enable_shared_from_this<BoardLink> {
  public:
    using OnEvent = std::function<void(const labhub::board::Event&)>;

    /// `counters` and `last_id` belong to the driver and go on from link to link: ids must rise for as long
    /// as the host process is the same, or the board would take a new write for an old one.
    BoardLink(asio::any_io_executor executor, SerialPort port, BoardCounters& counters, std::uint32_t& last_id);

    /// Takes in what comes until the link is closed.
    Task<void> read_loop(OnEvent on_event);
    /// Sends the request and waits for its reply; sends it again under the same id while none comes, until
    /// `limit`. A Failure of the board comes back as its error. A request that ran out of time closes the
    /// link unless `keep_open`.
    Task<Result<labhub::board::FromBoard>> request(labhub::board::ToBoard message, std::chrono::milliseconds limit,
                                                   bool keep_open = false);
    /// Waits until the link is closed, at most that long.
    Task<void> closed_within(std::chrono::milliseconds limit);

    void close(std::string reason);
    bool is_open() const { return !closed_because_; }
    /// Why it was closed; empty while open.
    std::string why_closed() const { return closed_because_.value_or(""); }

  private:
    struct Waiting {
        std::uint32_t id;
        asio::steady_timer wake;
        std::optional<labhub::board::FromBoard> reply;
    };
    using Queue = std::list<std::shared_ptr<Waiting>>;

    Result<void> send(std::span<const std::uint8_t> frame);
    void take(std::span<const std::uint8_t> bytes, const OnEvent& on_event);
    void dispatch(labhub::board::FromBoard message, const OnEvent& on_event);
    Error closed_error() const;

    asio::any_io_executor executor_;
    SerialPort port_;
    BoardCounters& counters_;
    std::uint32_t& last_id_;
    frame_decoder decoder_{};
    Queue waiting_;
    asio::steady_timer closed_;
    std::optional<std::string> closed_because_;
};

}  // namespace labhub::firmware_bridge
