#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "firmware-bridge/driver.hpp"

namespace labhub::firmware_bridge {

/// Where a board is and how patient to be with it.
struct BoardOptions {
    std::string port;                          ///< path of the serial device: "/dev/serial/by-id/…"
    unsigned baud = 921600;                    ///< bits per second; USB-native boards and pseudo-terminals ignore it
    std::chrono::milliseconds dead_man{5000};  ///< the board makes itself safe after this long without a heartbeat
    std::chrono::milliseconds request_timeout{500};  ///< for one reading, or one request of ours, with all repetitions
    /// For one write or safe with all its repetitions. Well below the deadline of a command, which is 5 s.
    std::chrono::milliseconds command_timeout{2000};
};

/// What happened on the line since the driver was made. Only rises.
struct BoardCounters {
    std::uint64_t frames_sent = 0;
    std::uint64_t frames_received = 0;    ///< whole and with a right checksum
    std::uint64_t frames_damaged = 0;     ///< wrong checksum, cut, merged, too long, or not a message
    std::uint64_t repetitions = 0;        ///< requests sent again because no reply had come
    std::uint64_t timeouts = 0;           ///< requests given up
    std::uint64_t reads_failed = 0;       ///< read() that brought nothing
    std::uint64_t reads_in_part = 0;      ///< read() that brought some metrics only; the others were bad
    std::uint64_t commands_in_doubt = 0;  ///< write() and safe() of which the board may have carried out any part
    std::uint64_t dead_man_firings = 0;   ///< times the board made itself safe, as far as it told us
};

/// A microcontroller that speaks shared/proto/board.proto over a serial line (wire.md in this folder).
///
/// Thread: everything runs on the executor, which must be one thread or a strand. Ownership: holds the port
/// and its background tasks; destroy it after close(), or after the io_context has been run dry. Failure: a
/// port that vanishes, a board that answers nothing for its dead-man time and a board that restarts end the
/// link; `read` and `write` then fail with `unavailable` and the reason, while the driver looks for the board
/// again with back-off.
///
/// A noisy line costs no link. A request without an answer is repeated under the same id; the board executes a
/// repeated write once. `read` asks for less at once where long replies are spoilt, gives what came within
/// `request_timeout` with the rest marked bad, and fails with `timed_out` when nothing came. `write` and `safe`
/// without an answer within `command_timeout` fail with `timed_out`; nobody knows then whether they were
/// carried out, so the outputs they named are put at their safe values at the board's next answer (in the next
/// write, or by the driver itself), unless a later write that is answered named them.
///
/// metrics() is empty until the board was found for the first time. A board found later on the same port with
/// other channels is refused (`conflict`), as metrics() is fixed for the driver's life. session() rises at
/// each find, and also when the board reports that its dead-man fired while the link was up.
///
/// close() is final: a driver can't be opened again.
class BoardDriver final : public Driver {
  public:
    static std::unique_ptr<BoardDriver> make(boost::asio::any_io_executor executor, BoardOptions options);
    BoardDriver(boost::asio::any_io_executor executor, BoardOptions options);
    ~BoardDriver() override;

    Task<Result<void>> open() override;
    Task<void> close() override;
    bool is_connected() const override;
    unsigned session() const override;
    Result<Identity> identify() const override;
    const std::vector<MetricInfo>& metrics() const override;
    Task<Result<std::vector<Reading>>> read() override;
    Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints) override;
    Task<Result<std::vector<Reading>>> safe() override;

    BoardCounters counters() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace labhub::firmware_bridge
