#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::firmware_bridge {

/// A serial line, or a pseudo-terminal, open for us alone: raw bytes, 8 data bits, no parity, one stop bit,
/// no flow control.
///
/// Thread: that of its executor. Ownership: closes the line when destroyed. Failure: a device that was
/// unplugged shows as `unavailable` from read() or send(); the port is of no use after that and must be
/// opened again.
class SerialPort {
  public:
    /// Bytes that wait because the line takes no more; past this, send() fails.
    static constexpr std::size_t kMaxWaitingBytes = 16 * 1024;

    /// Errors: not_found, forbidden (permissions), conflict (another process has it), malformed (not a serial
    /// line, or a baud rate it can't have).
    static Result<SerialPort> open(asio::any_io_executor executor, const std::string& path, unsigned baud);
    SerialPort(SerialPort&&) noexcept;
    SerialPort& operator=(SerialPort&&) noexcept;
    ~SerialPort();

    /// Waits until something came, and returns how many bytes of `into` it filled: at least one. Ends with
    /// `unavailable` when the line is gone or close() is called.
    Task<Result<std::size_t>> read(std::span<std::uint8_t> into);
    /// Takes the bytes without waiting; what the line can't take now follows by itself, in order. Errors:
    /// unavailable, too_many when kMaxWaitingBytes already wait.
    Result<void> send(std::span<const std::uint8_t> bytes);
    void close();

  private:
    class Line;
    explicit SerialPort(std::shared_ptr<Line> line);
    std::shared_ptr<Line> line_;
};

}  // namespace labhub::firmware_bridge
