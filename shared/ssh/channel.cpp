#include "shared/ssh/channel.hpp"

#include "shared/ssh/channel_core.hpp"

namespace labhub::ssh {

Channel::Channel(std::shared_ptr<ChannelCore> core) : core_(std::move(core)) {}

Channel::~Channel() { core_->close(); }

Task<Result<std::string>> Channel::read() { return ChannelCore::read(core_); }

Task<Result<void>> Channel::write(std::string bytes) { return write_to(core_, std::move(bytes)); }

Task<Result<void>> Channel::write_to(std::shared_ptr<ChannelCore> core, std::string bytes) {
    auto queued = core->enqueue(std::move(bytes), false);
    if (!queued || core->queued_bytes() == 0) co_return queued;
    auto waiting = ChannelCore::drained(core);
    auto outcome = co_await std::move(waiting);
    co_return outcome;
}

Result<void> Channel::try_write(std::string bytes) {
    if (core_->queued_bytes() + bytes.size() > kQueueBytes)
        return Error{
            ErrorCode::too_many,
            "the peer doesn't take what is sent: " + std::to_string(core_->queued_bytes()) + " bytes are waiting",
            "at most " + std::to_string(kQueueBytes)};
    return core_->enqueue(std::move(bytes), false);
}

void Channel::finish() { core_->finish(); }

void Channel::close() { core_->close(); }

bool Channel::is_open() const { return core_->is_open(); }

}  // namespace labhub::ssh
