#include "shared/runtime/local_stream.hpp"

#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "shared/base/error.hpp"

namespace labhub {
namespace {

constexpr std::size_t kPiece = 256u << 10;

Error broken(const boost::system::error_code& failure) {
    return Error{ErrorCode::unavailable, "the other program is gone: " + failure.message()};
}

}  // namespace

Result<std::shared_ptr<LocalStream>> LocalStream::adopt(asio::any_io_executor executor, UniqueFd descriptor) {
    asio::local::stream_protocol::socket socket(executor);
    boost::system::error_code failure;
    socket.assign(asio::local::stream_protocol(), descriptor.get(), failure);
    if (failure) return Error{ErrorCode::malformed, "not a socket: " + failure.message()};
    descriptor.release();
    socket.native_non_blocking(true, failure);
    if (failure) return broken(failure);
    return std::shared_ptr<LocalStream>(new LocalStream(std::move(socket)));
}

Result<std::pair<std::shared_ptr<LocalStream>, UniqueFd>> LocalStream::pair(asio::any_io_executor executor) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return system_error("make a socket", errno);
    UniqueFd ours{ends[0]};
    UniqueFd theirs{ends[1]};
    LABHUB_TRY(auto stream, adopt(std::move(executor), std::move(ours)));
    return std::pair(std::move(stream), std::move(theirs));
}

Task<Result<std::string>> LocalStream::read() {
    std::string bytes(kPiece, '\0');
    const auto [failure, got] = co_await socket_.async_read_some(asio::buffer(bytes), as_result);
    if (failure && failure != asio::error::eof) co_return Result<std::string>(broken(failure));
    bytes.resize(failure ? 0 : got);
    co_return bytes;
}

Result<void> LocalStream::try_write(std::string bytes) {
    if (!socket_.is_open()) return Error{ErrorCode::unavailable, "the stream is closed"};
    const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return {};
    if (sent < 0 && errno != EAGAIN) return system_error("write to the other program", errno);
    // A part of a message would spoil all that follow.
    if (sent > 0) close();
    return Error{ErrorCode::too_many, "the other program doesn't read"};
}

Task<Result<void>> LocalStream::write(std::string bytes) {
    const auto [failure, sent] = co_await asio::async_write(socket_, asio::buffer(bytes), as_result);
    if (failure) co_return Result<void>(broken(failure));
    co_return Result<void>();
}

void LocalStream::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace labhub
