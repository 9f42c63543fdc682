#pragma once

#include <memory>
#include <string>

#include "shared/base/result.hpp"
#include "shared/runtime/byte_stream.hpp"

namespace labhub::ssh {

class ChannelCore;

/// A byte stream inside a session: the two ends of a subsystem. Used from the session's executor only; shared with the
/// session, so it may outlive it, and then everything fails with `unavailable`. Dropping the last reference closes it.
/// One reader at a time; several may write, and the bytes of each write stay together.
class Channel final : public ByteStream {
  public:
    explicit Channel(std::shared_ptr<ChannelCore> core);
    ~Channel() override;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// The next bytes, as they come, at least one; an empty string once the peer has sent EOF or closed in good order.
    /// Error unavailable when the session broke. The peer can't have more than about 1.3 MB under way: it has to wait
    /// while nobody reads (SSH's window). Answers to cancellation with timed_out; nothing is lost by that.
    Task<Result<std::string>> read() override;
    /// Hands over all bytes, waiting while the peer's window is full. Bytes of a cancelled write may have been sent in
    /// part: close the channel then.
    Task<Result<void>> write(std::string bytes);
    /// The same without waiting: queues behind what is waiting already. Error too_many, with nothing queued, when more
    /// than kQueueBytes would wait.
    Result<void> try_write(std::string bytes) override;
    static constexpr std::size_t kQueueBytes = 4u << 20;
    /// Sends EOF after what was written: the peer's read() returns empty, reading here goes on.
    void finish();
    /// Sends what was written, then closes both directions.
    void close() override;
    bool is_open() const;

  private:
    static Task<Result<void>> write_to(std::shared_ptr<ChannelCore> core, std::string bytes);

    std::shared_ptr<ChannelCore> core_;
};

/// What a command left: its exit status and all it wrote.
struct ExecResult {
    int exit_status = 0;
    std::string out;
    std::string err;
};

}  // namespace labhub::ssh
