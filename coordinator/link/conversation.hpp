#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include <boost/asio/steady_timer.hpp>

#include "shared/base/framing.hpp"
#include "shared/base/result.hpp"
#include "shared/proto/agent_rpc.pb.h"
#include "shared/runtime/byte_stream.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::link {

/// Requests and replies over one `labhub-rpc` stream: numbers the requests, gives each reply to the one who waits for
/// its number, and passes over replies nobody waits for any more. Lives as long as the channel; fails all that is under
/// way when told that it is over. Executor's thread only.
class Conversation : public std::enable_shared_from_this<Conversation> {
  public:
    Conversation(asio::any_io_executor executor, std::shared_ptr<ByteStream> channel, std::size_t most_pending);

    /// Sends the request (its id is set here) and waits for its reply. A Failure in the reply becomes the Error. Errors
    /// of our own: too_large, too_many, timed_out, and that of `fail`.
    Task<Result<rpc::Reply>> ask(rpc::Request request, std::chrono::milliseconds timeout);
    /// Reads replies until the channel ends; returns why it did.
    Task<Error> read_replies();
    /// Ends all requests under way, and all later ones, with `why`.
    void fail(Error why);

  private:
    struct Pending {
        explicit Pending(asio::any_io_executor executor) : answered(executor) {}
        asio::steady_timer answered;  // cancelled when there is an outcome
        std::optional<Result<rpc::Reply>> outcome;
    };

    Result<std::shared_ptr<Pending>> send(rpc::Request& request);
    void take(const std::string& message);

    asio::any_io_executor executor_;
    std::shared_ptr<ByteStream> channel_;
    std::size_t most_pending_;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Pending>> pending_;
    FrameReader frames_;
    std::optional<Error> over_;
};

}  // namespace labhub::coordinator::link
