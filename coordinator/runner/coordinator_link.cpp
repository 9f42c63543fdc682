#include "coordinator/runner/coordinator_link.hpp"

#include <sys/socket.h>

#include <cstring>

#include <spdlog/spdlog.h>

#include "coordinator/runner/wire.hpp"
#include "shared/base/framing.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{2000};

/// Sends `bytes` with a descriptor on the first of them. The whole or nothing: a message this small fits a new socket.
bool send_with_descriptor(int socket, const std::string& bytes, int descriptor) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

CoordinatorLink::CoordinatorLink(asio::any_io_executor executor, std::filesystem::path socket, Identity caller,
                                 CoordinatorLinkEvents events)
    : path_(std::move(socket)), caller_(caller), events_(std::move(events)), socket_(executor) {}

Task<void> CoordinatorLink::run() {
    Backoff backoff{kFirstPause, kLongestPause};
    while (true) {
        if (connect() && greet()) {
            greeted_ = true;
            co_await listen();
            greeted_ = false;
            // One that refuses us is asked less and less often.
            if (std::exchange(accepted_, false)) {
                spdlog::info("the coordinator is gone; trying again");
                backoff.reset();
            }
        }
        co_await sleep_for(backoff.next());
    }
}

bool CoordinatorLink::connect() {
    // A link laid at the path may lead to another's socket: who listens there must not hear from root.
    const ActingAs acting{caller_};
    const auto address = SocketAddress::of(path_);
    if (!address) return false;
    boost::system::error_code failure;
    socket_.close(failure);
    // Connecting to a Unix socket never waits, but for a full backlog; then the attempt counts as failed.
    socket_.open({}, failure);
    if (!failure) socket_.non_blocking(true, failure);
    if (!failure) socket_.connect(Local::endpoint{address->text()}, failure);
    return !failure;
}

bool CoordinatorLink::greet() {
    labhub::runner::FromRunner message;
    *message.mutable_hello() = to_wire(events_.hello());
    return send_with_descriptor(socket_.native_handle(), framed(message), events_.listener());
}

Task<void> CoordinatorLink::listen() {
    FrameReader frames;
    std::array<char, 4096> bytes{};
    while (true) {
        auto [failure, got] = co_await socket_.async_read_some(asio::buffer(bytes), as_result);
        if (failure) co_return;
        frames.append({bytes.data(), got});
        while (true) {
            auto frame = frames.next();
            if (!frame) co_return;
            if (!*frame) break;
            obey(**frame);
        }
    }
}

void CoordinatorLink::obey(const std::string& frame) {
    labhub::runner::ToRunner message;
    if (!message.ParseFromString(frame)) return spdlog::warn("the coordinator sent bytes that are no message");
    if (message.has_accepted()) {
        accepted_ = true;
        spdlog::info("connected to the coordinator");
    }
    if (message.has_stop())
        events_.on_stop(message.stop().reason(), std::chrono::milliseconds{message.stop().grace_ms()});
    if (message.has_released()) events_.on_released();
    if (message.has_take_snapshot()) events_.on_take_snapshot(message.take_snapshot().most_bytes());
    if (message.has_pause()) events_.on_pause(std::chrono::milliseconds{message.pause().limit_ms()});
    if (message.has_resume()) events_.on_resume();
}

void CoordinatorLink::send(const std::string& bytes) {
    if (!greeted_ || send_with_descriptor(socket_.native_handle(), bytes, -1)) return;
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
}

void CoordinatorLink::report(const Started& started) {
    labhub::runner::FromRunner message;
    *message.mutable_started() = to_wire(started);
    send(framed(message));
}

void CoordinatorLink::report(const SnapshotTaken& taken) {
    labhub::runner::FromRunner message;
    *message.mutable_snapshot_taken() = to_wire(taken);
    send(framed(message));
}

void CoordinatorLink::report(const Ended& ended) {
    labhub::runner::FromRunner message;
    *message.mutable_ended() = to_wire(ended);
    send(framed(message));
}

void CoordinatorLink::report(const PauseState& state) {
    labhub::runner::FromRunner message;
    *message.mutable_pause_state() = to_wire(state);
    send(framed(message));
}

}  // namespace labhub::coordinator::runner
