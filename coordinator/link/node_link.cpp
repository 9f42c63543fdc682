#include "coordinator/link/node_link.hpp"

#include <spdlog/spdlog.h>

#include "coordinator/link/advanced.hpp"
#include "coordinator/link/conversation.hpp"
#include "shared/proto/agent_rpc_convert.hpp"
#include "shared/runtime/backoff.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/ssh/client.hpp"

namespace labhub::coordinator::link {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 200ms;
constexpr auto kLongestPause = 5s;

ssh::ClientOptions client_options(const Enrolment& enrolment, std::string user,
                                  std::filesystem::path private_key_path) {
    ssh::ClientOptions options;
    options.host = enrolment.ssh_host;
    options.port = enrolment.ssh_port;
    options.user = std::move(user);
    options.private_key_path = std::move(private_key_path);
    options.pinned_host_fingerprint = enrolment.host_key_fingerprint;
    return options;
}

Result<void> check_hello(const rpc::HelloReply& hello, const NodeId& expected) {
    if (hello.protocol() != rpc::kProtocol)
        return Error{
            ErrorCode::unsupported,
            "the agent (version " + hello.version() + ") speaks protocol " + std::to_string(hello.protocol()),
            "protocol " + std::to_string(rpc::kProtocol) + ": bring agent and coordinator to the same version"};
    if (hello.node() != expected.value)
        return Error{ErrorCode::conflict,
                     "the agent there is node '" + hello.node() + "', not '" + expected.value + "'",
                     "correct the node's address in the enrolment list, or its id in the agent's configuration"};
    return {};
}

/// A reply of another kind than the request's is a fault of the agent's.
Error wrong_reply() { return Error{ErrorCode::corrupt, "the agent answered with a reply of another kind"}; }

}  // namespace

class NodeLink::Impl : public std::enable_shared_from_this<NodeLink::Impl> {
  public:
    Impl(asio::any_io_executor executor, Enrolment enrolment_in, ssh::ClientOptions options, LinkEvents events)
        : enrolment(std::move(enrolment_in)),
          options_(std::move(options)),
          events_(std::move(events)),
          executor_(executor),
          tasks_(executor) {}

    void start() { tasks_.spawn("link to " + enrolment.node.value, keep_connected(shared_from_this())); }

    Task<void> stop() {
        const auto self = shared_from_this();
        stopping_ = true;
        Error ours{ErrorCode::unavailable, "the link is stopped"};
        lose(std::move(ours));
        auto stopping = tasks_.stop();
        co_await std::move(stopping);
        // A connection may have come about while the task was being cancelled.
        Error late{ErrorCode::unavailable, "the link is stopped"};
        lose(std::move(late));
    }

    void drop() { tasks_.cancel(); }

    Error unreachable() const {
        return Error{ErrorCode::unavailable,
                     "node " + enrolment.node.value + " can't be reached: " + last_error.message, last_error.detail};
    }

    static Task<Result<rpc::Reply>> ask(std::shared_ptr<Impl> self, rpc::Request request,
                                        std::chrono::milliseconds timeout) {
        if (!self->connected) co_return Result<rpc::Reply>(self->unreachable());
        auto asking = self->conversation_->ask(std::move(request), timeout);
        auto reply = co_await std::move(asking);
        co_return reply;
    }

    const Enrolment enrolment;
    Dial dial;  ///< empty: by SSH
    std::optional<rpc::HelloReply> hello;
    Error last_error{ErrorCode::unavailable, "not connected yet"};
    bool connected = false;

  private:
    static Task<void> keep_connected(std::shared_ptr<Impl> self) {
        Backoff backoff(kFirstPause, kLongestPause);
        for (;;) {
            auto conversing = converse(self);
            Error why = co_await std::move(conversing);
            if (self->connected) backoff.reset();
            self->lose(std::move(why));
            co_await sleep_for(backoff.next());
        }
    }

    static Task<Result<std::shared_ptr<ByteStream>>> open_stream(std::shared_ptr<Impl> self) {
        if (self->dial) co_return self->dial();
        auto connecting = ssh::Session::connect(self->options_);
        auto session = co_await std::move(connecting);
        if (!session) co_return session.error();
        self->session_ = std::move(*session);
        auto opening = within<std::shared_ptr<ssh::Channel>>(kDefaultTimeout, "open the subsystem",
                                                             self->session_->open_subsystem(rpc::kSubsystem));
        auto channel = co_await std::move(opening);
        if (!channel) co_return channel.error();
        std::shared_ptr<ByteStream> stream = std::move(*channel);
        co_return stream;
    }

    /// One session, from connecting until it is over.
    static Task<Error> converse(std::shared_ptr<Impl> self) {
        auto opening = open_stream(self);
        auto stream = co_await std::move(opening);
        if (!stream) co_return stream.error();
        const auto conversation = std::make_shared<Conversation>(self->executor_, std::move(*stream), kMaxPending);
        self->conversation_ = conversation;
        self->tasks_.spawn("hello to " + self->enrolment.node.value, greet(self, conversation));
        auto reading = conversation->read_replies();
        Error why = co_await std::move(reading);
        if (self->greeting_failed_) why = *std::exchange(self->greeting_failed_, std::nullopt);
        co_return why;
    }

    static Task<void> greet(std::shared_ptr<Impl> self, std::shared_ptr<Conversation> conversation) {
        rpc::Request request;
        request.mutable_hello()->set_protocol(rpc::kProtocol);
        request.mutable_hello()->set_version(LABHUB_VERSION);
        auto asking = conversation->ask(std::move(request), kDefaultTimeout);
        auto reply = co_await std::move(asking);
        if (self->conversation_ != conversation) co_return;
        Result<void> fine;
        if (!reply)
            fine = reply.error();
        else if (!reply->has_hello())
            fine = wrong_reply();
        else
            fine = check_hello(reply->hello(), self->enrolment.node);
        if (!fine) {
            // The reader ends when the session does, and reports this reason rather than that.
            self->greeting_failed_ = fine.error();
            self->session_.reset();
            conversation->fail(fine.error());
            co_return;
        }
        self->connected = true;
        self->hello = reply->hello();
        spdlog::info("link: node {} is connected (agent {}, boot {})", self->enrolment.node.value,
                     reply->hello().version(), reply->hello().boot_id());
        if (self->events_.connected) self->events_.connected(*self->hello);
    }

    /// The session is over, or none came about.
    void lose(Error why) {
        const bool was_connected = std::exchange(connected, false);
        if (!stopping_ && (was_connected || why.message != last_error.message))
            spdlog::warn("link: node {} can't be reached: {}", enrolment.node.value, why.to_string());
        last_error = why;
        const auto conversation = std::exchange(conversation_, nullptr);
        session_.reset();
        if (was_connected && events_.disconnected) events_.disconnected(why);
        if (conversation) conversation->fail(unreachable());
    }

    ssh::ClientOptions options_;
    LinkEvents events_;
    asio::any_io_executor executor_;
    std::unique_ptr<ssh::Session> session_;
    std::shared_ptr<Conversation> conversation_;
    std::optional<Error> greeting_failed_;
    bool stopping_ = false;
    TaskGroup tasks_;
};

NodeLink::NodeLink(asio::any_io_executor executor, Enrolment enrolment, std::string user,
                   std::filesystem::path private_key_path, LinkEvents events) {
    auto options = client_options(enrolment, std::move(user), std::move(private_key_path));
    impl_ = std::make_shared<Impl>(executor, std::move(enrolment), std::move(options), std::move(events));
}

NodeLink::NodeLink(asio::any_io_executor executor, NodeId node, Dial dial, LinkEvents events) {
    Enrolment enrolment;
    enrolment.node = std::move(node);
    impl_ = std::make_shared<Impl>(executor, std::move(enrolment), ssh::ClientOptions{}, std::move(events));
    impl_->dial = std::move(dial);
}

NodeLink::~NodeLink() { impl_->drop(); }
void NodeLink::start() { impl_->start(); }
Task<void> NodeLink::stop() { return impl_->stop(); }
bool NodeLink::is_connected() const { return impl_->connected; }
const Enrolment& NodeLink::enrolment() const { return impl_->enrolment; }
const std::optional<rpc::HelloReply>& NodeLink::hello() const { return impl_->hello; }

std::optional<Error> NodeLink::last_error() const {
    if (impl_->connected) return std::nullopt;
    return impl_->last_error;
}

Task<Result<std::vector<Reading>>> NodeLink::apply(ApplyCommand command, std::chrono::milliseconds timeout) {
    using Outcome = Result<std::vector<Reading>>;
    rpc::Request request;
    auto& body = *request.mutable_apply();
    body.set_command_id(command.command_id.value);
    body.set_device(command.device);
    body.set_lease_id(command.lease_id.value);
    body.set_deadline_ms(command.deadline.count);
    body.set_principal(command.principal);
    *body.mutable_setpoints() = rpc::to_rpc(command.setpoints);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Outcome(reply.error());
    if (!reply->has_apply()) co_return Outcome(wrong_reply());
    co_return Outcome(rpc::from_rpc(reply->apply().applied()));
}

Task<Result<std::vector<Reading>>> NodeLink::hold(std::string device, std::string principal, std::string reason,
                                                  std::chrono::milliseconds timeout) {
    using Outcome = Result<std::vector<Reading>>;
    rpc::Request request;
    request.mutable_hold()->set_device(device);
    request.mutable_hold()->set_principal(principal);
    request.mutable_hold()->set_reason(reason);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Outcome(reply.error());
    if (!reply->has_hold()) co_return Outcome(wrong_reply());
    co_return Outcome(rpc::from_rpc(reply->hold().applied()));
}

Task<Result<void>> NodeLink::lease(std::string device, LeaseId lease_id, std::string holder,
                                   std::chrono::milliseconds ttl, bool renew_only, std::chrono::milliseconds timeout) {
    rpc::Request request;
    auto& body = *request.mutable_lease();
    body.set_device(device);
    body.set_lease_id(lease_id.value);
    body.set_holder(holder);
    body.set_ttl_ms(static_cast<std::uint32_t>(std::clamp<std::int64_t>(ttl.count(), 0, UINT32_MAX)));
    body.set_renew_only(renew_only);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Result<void>(reply.error());
    if (!reply->has_lease()) co_return Result<void>(wrong_reply());
    co_return Result<void>();
}

Task<Result<std::vector<Reading>>> NodeLink::read(std::string device, std::chrono::milliseconds timeout) {
    using Outcome = Result<std::vector<Reading>>;
    rpc::Request request;
    request.mutable_read()->set_device(device);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Outcome(reply.error());
    if (!reply->has_read()) co_return Outcome(wrong_reply());
    co_return Outcome(rpc::from_rpc(reply->read().readings()));
}

Task<Result<std::vector<std::string>>> NodeLink::logs(unsigned lines, std::chrono::milliseconds timeout) {
    using Outcome = Result<std::vector<std::string>>;
    rpc::Request request;
    request.mutable_logs()->set_lines(lines);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Outcome(reply.error());
    if (!reply->has_logs()) co_return Outcome(wrong_reply());
    const auto& got = reply->logs().lines();
    co_return Outcome(std::vector<std::string>(got.begin(), got.end()));
}

Task<Result<void>> NodeLink::acknowledge_alarm(std::string device, std::string metric, std::string principal,
                                               std::string comment, std::chrono::milliseconds timeout) {
    rpc::Request request;
    auto& body = *request.mutable_acknowledge_alarm();
    body.set_device(device);
    body.set_metric(metric);
    body.set_principal(principal);
    body.set_comment(comment);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    const auto reply = co_await std::move(asking);
    if (!reply) co_return Result<void>(reply.error());
    if (!reply->has_acknowledge_alarm()) co_return Result<void>(wrong_reply());
    co_return Result<void>();
}

Task<Result<Advanced>> NodeLink::advance(UtcMillis to, std::chrono::milliseconds timeout) {
    using Outcome = Result<Advanced>;
    rpc::Request request;
    request.mutable_advance()->set_to_ms(to.count);
    auto asking = Impl::ask(impl_, std::move(request), timeout);
    auto reply = co_await std::move(asking);
    if (!reply) co_return Outcome(reply.error());
    if (!reply->has_advance()) co_return Outcome(wrong_reply());
    Advanced advanced;
    advanced.rest = std::move(*reply->mutable_advance());
    advanced.now = UtcMillis{advanced.rest.now_ms()};
    advanced.next_sample = UtcMillis{advanced.rest.next_sample_ms()};
    for (const auto& batch : advanced.rest.batches()) advanced.batches.push_back(rpc::from_rpc(batch.readings()));
    advanced.rest.clear_batches();
    co_return advanced;
}

}  // namespace labhub::coordinator::link
