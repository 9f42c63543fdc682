#include "coordinator/runner/job_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_map>

#include <spdlog/spdlog.h>
#include <boost/asio/local/stream_protocol.hpp>

#include "coordinator/runner/wire.hpp"
#include "shared/base/framing.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::runner {
namespace {

using Local = asio::local::stream_protocol;

constexpr std::size_t kMaxConnections = 4096;
constexpr std::chrono::seconds kHelloDeadline{10};
constexpr std::chrono::milliseconds kAcceptPause{100};

/// One runner's connection. Sends never wait: our messages are a few dozen bytes, so a full socket buffer means a peer
/// that has stopped reading, and that connection is given up.
struct Connection {
    explicit Connection(Local::socket socket_in) : socket(std::move(socket_in)) {}

    bool send(const google::protobuf::MessageLite& message) {
        const std::string bytes = framed(message);
        const ssize_t put = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put == static_cast<ssize_t>(bytes.size())) return true;
        shut();
        return false;
    }
    void shut() { ::shutdown(socket.native_handle(), SHUT_RDWR); }

    Local::socket socket;
    FrameReader frames;
    UniqueFd received;  ///< the newest descriptor that came along
    JobId job;
};

/// Keeps the one descriptor of a message, closes any further.
void take_descriptors(msghdr& message, UniqueFd& into) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            into = UniqueFd{fd};
        }
    }
}

/// Reads what is there. False at the end of the connection.
bool receive_some(Connection& connection) {
    std::array<char, 4096> bytes{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(connection.socket.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    take_descriptors(message, connection.received);
    connection.frames.append({bytes.data(), static_cast<std::size_t>(got)});
    return got > 0;
}

Error closed_error() { return Error{ErrorCode::unavailable, "the runner closed its connection"}; }

/// The next message of a runner.
Task<Result<labhub::runner::FromRunner>> receive(std::shared_ptr<Connection> connection) {
    while (true) {
        auto frame = connection->frames.next();
        if (!frame) co_return Result<labhub::runner::FromRunner>(std::move(frame).error());
        if (*frame) {
            labhub::runner::FromRunner message;
            if (message.ParseFromString(**frame)) co_return Result<labhub::runner::FromRunner>(std::move(message));
            Error malformed{ErrorCode::malformed, "a runner sent bytes that are no message"};
            co_return Result<labhub::runner::FromRunner>(std::move(malformed));
        }
        auto [failure] = co_await connection->socket.async_wait(Local::socket::wait_read, as_result);
        if (failure || !receive_some(*connection)) {
            Error closed = closed_error();
            co_return Result<labhub::runner::FromRunner>(std::move(closed));
        }
    }
}

bool is_ours(const Local::socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    const int handle = const_cast<Local::socket&>(socket).native_handle();
    if (::getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

class JobSocket::Impl {
  public:
    Impl(asio::any_io_executor executor, std::filesystem::path path, Local::acceptor acceptor, JobSocketEvents events)
        : path_(std::move(path)), acceptor_(std::move(acceptor)), events_(std::move(events)), tasks_(executor) {
        tasks_.spawn("job socket", accept_all());
    }

    Connection* find(const JobId& job) {
        const auto found = connections_.find(job);
        return found == connections_.end() ? nullptr : found->second.get();
    }

    Task<void> close() {
        closing_ = true;
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        for (auto& [job, connection] : connections_) connection->shut();
        co_await tasks_.stop();
        std::error_code gone;
        std::filesystem::remove(path_, gone);
    }

  private:
    Task<void> accept_all() {
        while (acceptor_.is_open()) {
            auto [failure, socket] = co_await acceptor_.async_accept(as_result);
            if (failure == asio::error::operation_aborted) co_return;
            if (failure) {
                // Out of descriptors, most likely: the waiting runner stays in the backlog.
                spdlog::warn("job socket: accept: {}", failure.message());
                co_await sleep_for(kAcceptPause);
                continue;
            }
            if (tasks_.size() > kMaxConnections || !is_ours(socket)) {
                spdlog::warn("job socket: refused a connection ({} are open)", tasks_.size() - 1);
                continue;
            }
            auto connection = std::make_shared<Connection>(std::move(socket));
            tasks_.spawn("runner connection", serve(std::move(connection)));
        }
    }

    Task<void> serve(std::shared_ptr<Connection> connection) {
        const bool known = co_await greet(connection);
        if (!known) co_return;
        while (true) {
            auto message = co_await receive(connection);
            if (!message) {
                if (message.error().code != ErrorCode::unavailable)
                    spdlog::warn("job {}: {}", connection->job.value, message.error().to_string());
                break;
            }
            deliver(*connection, *message);
        }
        const auto found = connections_.find(connection->job);
        if (found == connections_.end() || found->second != connection) co_return;
        connections_.erase(found);
        if (!closing_) events_.on_lost(connection->job);
    }

    /// Receives and checks Hello; true when the runner is one of ours and has been announced.
    Task<bool> greet(std::shared_ptr<Connection> connection) {
        auto reading = receive(connection);
        auto first = co_await within(kHelloDeadline, "runner's hello", std::move(reading));
        if (!first || !first->has_hello()) {
            const std::string why = first ? "its first message is no hello" : first.error().to_string();
            spdlog::warn("job socket: closed a connection: {}", why);
            co_return false;
        }
        auto hello = from_wire(first->hello());
        if (!hello) {
            spdlog::warn("job socket: closed a connection: {}", hello.error().to_string());
            co_return false;
        }
        Hello asked = *hello;
        const bool admitted = co_await events_.admit(std::move(asked));
        if (!admitted) {
            spdlog::warn("job socket: refused a runner that says it is job {}", hello->job_id.value);
            co_return false;
        }
        announce(connection, std::move(*hello));
        co_return true;
    }

    void announce(const std::shared_ptr<Connection>& connection, Hello hello) {
        connection->job = hello.job_id;
        const auto before = std::exchange(connections_[hello.job_id], connection);
        if (before) before->shut();
        labhub::runner::ToRunner accepted;
        accepted.mutable_accepted();
        connection->send(accepted);
        const Hello said = hello;
        events_.on_hello(std::move(hello), std::move(connection->received));
        if (said.started) events_.on_started(said.job_id, *said.started);
        if (said.pause) events_.on_pause_state(said.job_id, *said.pause);
        if (said.ended) events_.on_ended(said.job_id, *said.ended);
    }

    void deliver(const Connection& connection, const labhub::runner::FromRunner& message) {
        if (message.has_started()) events_.on_started(connection.job, from_wire(message.started()));
        if (message.has_ended()) events_.on_ended(connection.job, from_wire(message.ended()));
        if (message.has_snapshot_taken() && events_.on_snapshot)
            events_.on_snapshot(connection.job, from_wire(message.snapshot_taken()));
        if (message.has_pause_state()) events_.on_pause_state(connection.job, from_wire(message.pause_state()));
    }

    std::filesystem::path path_;
    Local::acceptor acceptor_;
    JobSocketEvents events_;
    std::unordered_map<JobId, std::shared_ptr<Connection>> connections_;
    bool closing_ = false;
    TaskGroup tasks_;  // last: its tasks use all of the above
};

JobSocket::JobSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JobSocket::~JobSocket() = default;

Result<std::unique_ptr<JobSocket>> JobSocket::open(asio::any_io_executor executor, const std::filesystem::path& path,
                                                   JobSocketEvents events) {
    LABHUB_TRY(const SocketAddress address, SocketAddress::of(path));
    const Local::endpoint endpoint{address.text()};
    boost::system::error_code failure;
    Local::socket trial{executor};
    trial.connect(endpoint, failure);
    if (!failure) return Error{ErrorCode::conflict, "another process listens on " + path.string()};
    ::unlink(path.c_str());
    Local::acceptor acceptor{executor};
    acceptor.open({}, failure);
    if (!failure) acceptor.bind(endpoint, failure);
    // Before listen(2) nobody can connect, so there is no moment in which the socket is open to others.
    if (!failure && ::chmod(path.c_str(), 0600) != 0) failure.assign(errno, boost::system::system_category());
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) return system_error("listen on " + path.string(), failure.value());
    return std::unique_ptr<JobSocket>(
        new JobSocket(std::make_unique<Impl>(executor, path, std::move(acceptor), std::move(events))));
}

Result<void> JobSocket::stop_job(const JobId& job, std::string reason, std::chrono::milliseconds grace) {
    labhub::runner::ToRunner message;
    message.mutable_stop()->set_reason(std::move(reason));
    message.mutable_stop()->set_grace_ms(static_cast<std::uint32_t>(grace.count()));
    return send(job, message);
}

Result<void> JobSocket::pause_job(const JobId& job, std::chrono::milliseconds limit) {
    labhub::runner::ToRunner message;
    message.mutable_pause()->set_limit_ms(static_cast<std::uint64_t>(limit.count()));
    return send(job, message);
}

Result<void> JobSocket::resume_job(const JobId& job) {
    labhub::runner::ToRunner message;
    message.mutable_resume();
    return send(job, message);
}

Result<void> JobSocket::release(const JobId& job) {
    labhub::runner::ToRunner message;
    message.mutable_released();
    return send(job, message);
}

Result<void> JobSocket::send(const JobId& job, const labhub::runner::ToRunner& message) {
    Connection* const connection = impl_->find(job);
    if (connection && connection->send(message)) return {};
    return Error{ErrorCode::unavailable, "the runner of job " + job.value + " is not connected"};
}

Result<void> JobSocket::take_snapshot(const JobId& job, std::uint64_t most_bytes) {
    labhub::runner::ToRunner message;
    message.mutable_take_snapshot()->set_most_bytes(most_bytes);
    Connection* connection = impl_->find(job);
    if (connection && connection->send(message)) return {};
    return Error{ErrorCode::unavailable, "the runner of job " + job.value + " is not connected"};
}

bool JobSocket::is_connected(const JobId& job) const { return impl_->find(job) != nullptr; }

Task<void> JobSocket::close() { return impl_->close(); }

}  // namespace labhub::coordinator::runner
