#pragma once

#include <boost/asio/local/stream_protocol.hpp>

#include "shared/base/files.hpp"
#include "shared/runtime/byte_stream.hpp"

namespace labhub {

/// A connected Unix socket as a stream of bytes.
class LocalStream final : public ByteStream {
  public:
    /// Takes over the descriptor. Error as the system gave it.
    static Result<std::shared_ptr<LocalStream>> adopt(asio::any_io_executor executor, UniqueFd socket);
    /// Two ends of a new pair: ours, and one for a program that is to be started.
    static Result<std::pair<std::shared_ptr<LocalStream>, UniqueFd>> pair(asio::any_io_executor executor);

    Task<Result<std::string>> read() override;
    /// Into the kernel's buffer, about 200 KiB: for one who asks and waits for the answer.
    Result<void> try_write(std::string bytes) override;
    /// Waits until the peer has taken them. One writer at a time, and no try_write meanwhile.
    Task<Result<void>> write(std::string bytes);
    void close() override;

  private:
    explicit LocalStream(asio::local::stream_protocol::socket socket) : socket_(std::move(socket)) {}

    asio::local::stream_protocol::socket socket_;
};

}  // namespace labhub
