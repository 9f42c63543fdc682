#include "firmware-bridge/transport/serial_port.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "shared/base/files.hpp"

namespace labhub::firmware_bridge {
namespace {

struct Speed {
    unsigned baud;
    speed_t code;
};
constexpr std::array kSpeeds{Speed{9600, B9600},       Speed{19200, B19200},     Speed{38400, B38400},
                             Speed{57600, B57600},     Speed{115200, B115200},   Speed{230400, B230400},
                             Speed{460800, B460800},   Speed{500000, B500000},   Speed{921600, B921600},
                             Speed{1000000, B1000000}, Speed{2000000, B2000000}, Speed{3000000, B3000000}};

Result<speed_t> speed_code(unsigned baud) {
    std::string choices;
    for (const auto& speed : kSpeeds) {
        if (speed.baud == baud) return speed.code;
        choices += (choices.empty() ? "" : ", ") + std::to_string(speed.baud);
    }
    return Error{ErrorCode::malformed, std::to_string(baud) + " baud is no serial line's speed", "one of " + choices};
}

Error open_error(const std::string& path, int error_number) {
    Error error = system_error("open " + path, error_number);
    if (error_number == ENOENT || error_number == ENXIO || error_number == ENODEV) error.code = ErrorCode::not_found;
    if (error_number == EACCES || error_number == EPERM) {
        error.code = ErrorCode::forbidden;
        error.detail = "serial devices usually belong to the group dialout";
    }
    if (error_number == EBUSY) error.code = ErrorCode::conflict;
    return error;
}

/// Unix98 pseudo-terminal slaves have the majors 136 to 143 (Documentation/admin-guide/devices.txt).
bool is_pseudo_terminal(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && major(status.st_rdev) >= 136 && major(status.st_rdev) <= 143;
}

Result<void> lock(int fd, const std::string& path) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
    return Error{ErrorCode::conflict, path + " is in use by another process", "stop it, or name another port"};
}

/// Also keeps out programs that take no lock. A pseudo-terminal would keep the mark after our death for as
/// long as its other side lives, and shut us out; there the lock has to do.
Result<void> shut_out_others(int fd, const std::string& path) {
    if (is_pseudo_terminal(fd) || ::ioctl(fd, TIOCEXCL) == 0) return {};
    return system_error("take " + path + " alone", errno);
}

Result<void> make_raw(int fd, const std::string& path, speed_t speed) {
    termios settings{};
    if (::tcgetattr(fd, &settings) != 0)
        return Error{ErrorCode::malformed, path + " is not a serial line", "the path of a tty device"};
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    // Without HUPCL, closing does not drop DTR, which would reset many boards at each reconnect.
    settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS | HUPCL);
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (::cfsetspeed(&settings, speed) != 0 || ::tcsetattr(fd, TCSANOW, &settings) != 0)
        return system_error("set up " + path, errno);
    ::tcflush(fd, TCIOFLUSH);
    return {};
}

Error gone(const std::string& path, const boost::system::error_code& cause) {
    return {ErrorCode::unavailable, path + " is gone: " + cause.message()};
}

}  // namespace

/// Shared with the wait for room on the line, which may outlive the port by one turn of the loop.
class SerialPort::Line : public std::enable_shared_from_this<Line> {
  public:
    Line(asio::any_io_executor executor, int fd, std::string path)
        : stream_(std::move(executor), fd), path_(std::move(path)) {
        stream_.non_blocking(true);
    }

    Task<Result<std::size_t>> read(std::span<std::uint8_t> into) {
        const auto self = shared_from_this();
        auto buffer = asio::buffer(into.data(), into.size());
        const auto [failure, size] = co_await stream_.async_read_some(buffer, as_result);
        if (!failure) co_return size;
        Error error = gone(path_, failure);
        co_return error;
    }

    Result<void> send(std::span<const std::uint8_t> bytes) {
        if (!stream_.is_open()) return Error{ErrorCode::unavailable, path_ + " is closed"};
        if (waiting_.size() + bytes.size() > kMaxWaitingBytes)
            return Error{ErrorCode::too_many, path_ + " takes no more bytes", "the device has stopped reading"};
        if (!waiting_.empty()) {
            waiting_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        }
        boost::system::error_code failure;
        const auto sent = stream_.write_some(asio::buffer(bytes.data(), bytes.size()), failure);
        if (failure && failure != asio::error::would_block) return gone(path_, failure);
        if (sent < bytes.size()) {
            const auto rest = bytes.subspan(sent);
            waiting_.assign(reinterpret_cast<const char*>(rest.data()), rest.size());
            flush_when_possible();
        }
        return {};
    }

    void close() {
        boost::system::error_code ignored;
        stream_.close(ignored);
        waiting_.clear();
    }

  private:
    void flush_when_possible() {
        stream_.async_wait(asio::posix::stream_descriptor::wait_write,
                           [self = shared_from_this()](boost::system::error_code failure) {
                               if (!failure) self->flush();
                           });
    }

    void flush() {
        if (!stream_.is_open()) return;
        boost::system::error_code failure;
        const auto sent = stream_.write_some(asio::buffer(waiting_), failure);
        // A line that is gone shows itself to the reader; here it only ends the sending.
        if (failure && failure != asio::error::would_block) return waiting_.clear();
        waiting_.erase(0, sent);
        if (!waiting_.empty()) flush_when_possible();
    }

    asio::posix::stream_descriptor stream_;
    std::string path_;
    std::string waiting_;
};

Result<SerialPort> SerialPort::open(asio::any_io_executor executor, const std::string& path, unsigned baud) {
    LABHUB_TRY(const speed_t speed, speed_code(baud));
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return open_error(path, errno);
    LABHUB_CHECK(lock(fd.get(), path));
    LABHUB_CHECK(make_raw(fd.get(), path, speed));
    LABHUB_CHECK(shut_out_others(fd.get(), path));
    return SerialPort(std::make_shared<Line>(std::move(executor), fd.release(), path));
}

SerialPort::SerialPort(std::shared_ptr<Line> line) : line_(std::move(line)) {}
SerialPort::SerialPort(SerialPort&&) noexcept = default;
SerialPort& SerialPort::operator=(SerialPort&&) noexcept = default;
SerialPort::~SerialPort() {
    if (line_) line_->close();
}

Task<Result<std::size_t>> SerialPort::read(std::span<std::uint8_t> into) { return line_->read(into); }
Result<void> SerialPort::send(std::span<const std::uint8_t> bytes) { return line_->send(bytes); }
void SerialPort::close() { line_->close(); }

}  // namespace labhub::firmware_bridge
