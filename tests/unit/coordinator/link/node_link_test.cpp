#include "coordinator/link/node_link.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "shared/base/framing.hpp"
#include "shared/proto/agent_rpc_convert.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::coordinator::link {
namespace {

using namespace std::chrono_literals;

/// An agent made of our own SSH server. Devices: `vessel` answers; `slow` never does; `late` answers when told to.
class TestAgent : public std::enable_shared_from_this<TestAgent> {
  public:
    TestAgent(asio::any_io_executor executor, std::filesystem::path folder, ssh::PublicKey coordinator)
        : executor_(executor), folder_(std::move(folder)), coordinator_(std::move(coordinator)) {}

    void start(std::string boot_id) {
        boot_id_ = std::move(boot_id);
        ssh::ServerOptions options;
        options.host_key_path = folder_ / host_key;
        options.endpoint.port(port_);
        ssh::Handlers handlers;
        handlers.authorize = [key = coordinator_](const ssh::PublicKey& offered,
                                                  const std::string&) -> std::optional<ssh::Principal> {
            if (!(offered == key)) return std::nullopt;
            return ssh::Principal{"coordinator", "coordinator", {}};
        };
        handlers.exec = [](ssh::Principal, std::string) -> Task<ssh::ExecResult> { co_return ssh::ExecResult{}; };
        handlers.offers_subsystem = [](const ssh::Principal&, const std::string& name) {
            return name == rpc::kSubsystem;
        };
        handlers.subsystem = [self = shared_from_this()](ssh::Principal, std::string,
                                                         std::shared_ptr<ssh::Channel> channel) {
            return serve(self, std::move(channel));
        };
        auto server = ssh::Server::listen(executor_, options, std::move(handlers));
        ASSERT_TRUE(server) << server.error().to_string();
        server_ = std::move(*server);
        port_ = server_->port();
    }

    static Task<void> stop(std::shared_ptr<TestAgent> self) {
        auto stopping = self->server_->stop();
        co_await std::move(stopping);
        self->server_.reset();
    }

    Enrolment enrolment() const { return {NodeId("sim-1"), "127.0.0.1", port_, server_->host_key().fingerprint()}; }

    std::string host_key = "host_key";
    std::string node = "sim-1";
    std::uint32_t protocol = rpc::kProtocol;
    std::vector<rpc::Request> requests;
    std::vector<std::uint64_t> unanswered;  // ids of requests to `late`
    std::shared_ptr<ssh::Channel> last_channel;

    void answer(std::uint64_t id) {
        rpc::Reply reply;
        reply.set_id(id);
        reply.mutable_read();
        const auto sent = last_channel->try_write(encode_frame(reply.SerializeAsString()));
        EXPECT_TRUE(sent);
    }

  private:
    static Task<void> serve(std::shared_ptr<TestAgent> self, std::shared_ptr<ssh::Channel> channel) {
        self->last_channel = channel;
        FrameReader frames;
        for (;;) {
            auto reading = channel->read();
            auto bytes = co_await std::move(reading);
            if (!bytes || bytes->empty()) co_return;
            frames.append(*bytes);
            for (;;) {
                auto message = frames.next();
                if (!message || !*message) break;
                rpc::Request request;
                EXPECT_TRUE(request.ParseFromString(**message));
                const auto reply = self->reply_to(request);
                if (reply) (void)channel->try_write(encode_frame(reply->SerializeAsString()));
            }
        }
    }

    std::optional<rpc::Reply> reply_to(const rpc::Request& request) {
        requests.push_back(request);
        rpc::Reply reply;
        reply.set_id(request.id());
        switch (request.body_case()) {
            case rpc::Request::kHello:
                reply.mutable_hello()->set_protocol(protocol);
                reply.mutable_hello()->set_node(node);
                reply.mutable_hello()->set_boot_id(boot_id_);
                return reply;
            case rpc::Request::kApply:
                for (const auto& setpoint : rpc::from_rpc(request.apply().setpoints()))
                    *reply.mutable_apply()->add_applied() =
                        rpc::to_rpc(Reading{setpoint.metric, setpoint.value, {42}, Quality::good});
                if (request.apply().lease_id() == "expired")
                    *reply.mutable_failure() =
                        rpc::to_rpc(Error{ErrorCode::conflict, "the lease has ended", "ask for another"});
                return reply;
            case rpc::Request::kHold:
                *reply.mutable_hold()->add_applied() = rpc::to_rpc(Reading{"stirrer", 0.0, {43}, Quality::good});
                return reply;
            case rpc::Request::kLease: reply.mutable_lease(); return reply;
            case rpc::Request::kRead:
                if (request.read().device() == "late") unanswered.push_back(request.id());
                if (request.read().device() != "vessel") return std::nullopt;
                *reply.mutable_read()->add_readings() = rpc::to_rpc(Reading{"vial_A_temp", 30.5, {44}, Quality::stale});
                return reply;
            case rpc::Request::kLogs:
                reply.mutable_logs()->add_lines("one"), reply.mutable_logs()->add_lines("two");
                return reply;
            default: return std::nullopt;
        }
    }

    asio::any_io_executor executor_;
    std::filesystem::path folder_;
    ssh::PublicKey coordinator_;
    std::string boot_id_;
    std::unique_ptr<ssh::Server> server_;
    std::uint16_t port_ = 0;
};

/// Agent and link on one loop, which the test itself turns.
class NodeLinkTest : public ::testing::Test {
  protected:
    NodeLinkTest() : folder_(std::filesystem::temp_directory_path() / ("labhub-link-" + new_id())) {
        std::filesystem::create_directories(folder_);
        agent_ =
            std::make_shared<TestAgent>(io_.get_executor(), folder_, ssh::load_or_create_key(folder_ / "key").value());
    }

    ~NodeLinkTest() override {
        if (link_) run(link_->stop());
        if (agent_running_) run(TestAgent::stop(agent_));
        agent_->last_channel.reset();
        work_.reset();
        io_.restart();
        io_.run_for(5s);
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    void start_agent(std::string boot_id = "boot-1") { agent_->start(std::move(boot_id)), agent_running_ = true; }
    void stop_agent() { run(TestAgent::stop(agent_)), agent_running_ = false; }

    void start_link(Enrolment enrolment) {
        LinkEvents events;
        events.connected = [this](const rpc::HelloReply& hello) { told_.push_back("connected " + hello.boot_id()); };
        events.disconnected = [this](const Error&) { told_.push_back("disconnected"); };
        link_ = std::make_unique<NodeLink>(io_.get_executor(), std::move(enrolment), "coordinator", folder_ / "key",
                                           std::move(events));
        link_->start();
    }

    /// Turns the loop until `reached`, at most 15 seconds.
    bool turn_until(const std::function<bool()>& reached) {
        const auto deadline = Steady::now() + 15s;
        io_.restart();
        while (!reached() && Steady::now() < deadline) io_.run_one_for(50ms);
        return reached();
    }
    bool connected() {
        return turn_until([this] { return link_->is_connected(); });
    }

    template <class T>
    T run(Task<T> task) {
        std::optional<T> outcome;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T value) {
            EXPECT_FALSE(failure);
            outcome.emplace(std::move(value));
        });
        EXPECT_TRUE(turn_until([&] { return outcome.has_value(); }));
        return std::move(*outcome);
    }
    void run(Task<void> task) {
        bool ended = false;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr) { ended = true; });
        EXPECT_TRUE(turn_until([&] { return ended; }));
    }
    /// Starts without waiting; the outcome appears in the returned place.
    template <class T>
    std::shared_ptr<std::optional<T>> begin(Task<T> task) {
        auto outcome = std::make_shared<std::optional<T>>();
        asio::co_spawn(io_, std::move(task),
                       [outcome](std::exception_ptr, T value) { outcome->emplace(std::move(value)); });
        return outcome;
    }

    std::filesystem::path folder_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::shared_ptr<TestAgent> agent_;
    bool agent_running_ = false;
    std::unique_ptr<NodeLink> link_;
    std::vector<std::string> told_;
};

ApplyCommand stir(std::string lease_id) {
    return {CommandId("c-1"), "vessel", LeaseId(std::move(lease_id)),
            UtcMillis{99},    "job:1",  {{"stirrer", std::int64_t{40}}}};
}

TEST_F(NodeLinkTest, CarriesEveryRequest) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    EXPECT_EQ(link_->hello()->boot_id(), "boot-1");
    EXPECT_FALSE(link_->last_error());

    const auto applied = run(link_->apply(stir("l-1")));
    ASSERT_TRUE(applied) << applied.error().to_string();
    ASSERT_EQ(applied->size(), 1u);
    EXPECT_EQ(applied->front().value, Value(std::int64_t{40}));
    EXPECT_EQ(applied->front().time, UtcMillis{42});
    const auto& sent = agent_->requests.back().apply();
    EXPECT_EQ(sent.command_id() + sent.device() + sent.lease_id() + sent.principal(), "c-1vessell-1job:1");
    EXPECT_EQ(sent.deadline_ms(), 99);

    EXPECT_EQ(run(link_->hold("vessel", "user:ada", "test"))->front().metric, "stirrer");
    EXPECT_TRUE(run(link_->lease("vessel", LeaseId("l-1"), "job:1", 30s, true)));
    EXPECT_EQ(agent_->requests.back().lease().ttl_ms(), 30'000u);
    EXPECT_TRUE(agent_->requests.back().lease().renew_only());
    const auto readings = run(link_->read("vessel"));
    ASSERT_TRUE(readings);
    EXPECT_EQ(readings->front().value, Value(30.5));
    EXPECT_EQ(readings->front().quality, Quality::stale);
    EXPECT_EQ(run(link_->logs(2)).value(), (std::vector<std::string>{"one", "two"}));
}

TEST_F(NodeLinkTest, PassesOnTheAgentsRefusal) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    const auto refused = run(link_->apply(stir("expired")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_EQ(refused.error().to_string(), "the lease has ended (ask for another)");
}

TEST_F(NodeLinkTest, FailsAtOnceWhileTheNodeCannotBeReached) {
    start_agent();
    const auto enrolment = agent_->enrolment();
    stop_agent();
    start_link(enrolment);
    ASSERT_TRUE(turn_until([this] { return link_->last_error()->message != "not connected yet"; }));
    const auto refused = run(link_->read("vessel"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(refused.error().message.starts_with("node sim-1 can't be reached: connect to 127.0.0.1:"))
        << refused.error().message;
    EXPECT_TRUE(told_.empty());
}

TEST_F(NodeLinkTest, FailsWhatIsUnderWayWhenTheLinkIsCutAndConnectsAgain) {
    start_agent("boot-1");
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    const auto first = begin(link_->read("slow", 10s));
    const auto second = begin(link_->read("slow", 10s));
    ASSERT_TRUE(turn_until([this] { return agent_->requests.size() == 3; }));
    stop_agent();
    ASSERT_TRUE(turn_until([&] { return first->has_value() && second->has_value(); }));
    for (const auto& outcome : {first, second}) {
        ASSERT_FALSE(**outcome);
        EXPECT_EQ((*outcome)->error().code, ErrorCode::unavailable) << (*outcome)->error().to_string();
    }
    start_agent("boot-2");
    ASSERT_TRUE(connected());
    EXPECT_EQ(link_->hello()->boot_id(), "boot-2");
    EXPECT_EQ(told_, (std::vector<std::string>{"connected boot-1", "disconnected", "connected boot-2"}));
    EXPECT_TRUE(run(link_->read("vessel")));
}

TEST_F(NodeLinkTest, GivesUpOnOneRequestAndIgnoresItsLateReply) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    const auto late = run(link_->read("late", 50ms));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::timed_out);
    ASSERT_EQ(agent_->unanswered.size(), 1u);
    agent_->answer(agent_->unanswered[0]);
    const auto readings = run(link_->read("vessel"));
    ASSERT_TRUE(readings);
    EXPECT_EQ(readings->size(), 1u);
    EXPECT_TRUE(link_->is_connected());
}

TEST_F(NodeLinkTest, GivesEachReplyToItsOwnRequestInWhateverOrder) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    std::vector<std::shared_ptr<std::optional<Result<std::vector<Reading>>>>> late;
    for (int i = 0; i < 10; ++i) late.push_back(begin(link_->read("late", 10s)));
    ASSERT_TRUE(turn_until([this] { return agent_->unanswered.size() == 10; }));
    EXPECT_EQ(run(link_->read("vessel"))->size(), 1u);
    for (std::size_t i = 10; i-- > 0;) {
        agent_->answer(agent_->unanswered[i]);
        ASSERT_TRUE(turn_until([&] { return late[i]->has_value(); }));
        EXPECT_TRUE((*late[i])->has_value());
        EXPECT_TRUE(i == 0 || !late[i - 1]->has_value());
    }
}

TEST_F(NodeLinkTest, BoundsTheRequestsUnderWay) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    std::vector<std::shared_ptr<std::optional<Result<std::vector<Reading>>>>> waiting;
    for (std::size_t i = 0; i < NodeLink::kMaxPending; ++i) waiting.push_back(begin(link_->read("late", 10s)));
    ASSERT_TRUE(turn_until([this] { return agent_->unanswered.size() == NodeLink::kMaxPending; }));
    EXPECT_EQ(run(link_->read("vessel")).error().code, ErrorCode::too_many);
    agent_->answer(agent_->unanswered[0]);
    ASSERT_TRUE(turn_until([&] { return waiting[0]->has_value(); }));
    EXPECT_TRUE(run(link_->read("vessel")));
}

TEST_F(NodeLinkTest, RefusesAHostKeyItDoesNotKnow) {
    start_agent();
    auto enrolment = agent_->enrolment();
    const auto real = enrolment.host_key_fingerprint;
    enrolment.host_key_fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    start_link(enrolment);
    ASSERT_TRUE(turn_until([this] { return link_->last_error()->code == ErrorCode::forbidden; }));
    const auto refused = run(link_->read("vessel"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_NE(refused.error().message.find(real), std::string::npos);
    EXPECT_NE(refused.error().message.find(enrolment.host_key_fingerprint), std::string::npos);
}

TEST_F(NodeLinkTest, RefusesAnAgentOfAnotherNodeOrProtocol) {
    agent_->node = "sim-2";
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(turn_until([this] { return link_->last_error()->code == ErrorCode::conflict; }));
    agent_->node = "sim-1";
    agent_->protocol = 7;
    ASSERT_TRUE(turn_until([this] { return link_->last_error()->code == ErrorCode::unsupported; }));
    EXPECT_TRUE(told_.empty());
    agent_->protocol = rpc::kProtocol;
    EXPECT_TRUE(connected());
}

TEST_F(NodeLinkTest, ConnectsByItselfWhenTheAgentComesUp) {
    start_agent();
    const auto enrolment = agent_->enrolment();
    stop_agent();
    start_link(enrolment);
    ASSERT_TRUE(turn_until([this] { return link_->last_error()->message != "not connected yet"; }));
    start_agent("boot-9");
    ASSERT_TRUE(connected());
    EXPECT_EQ(told_, std::vector<std::string>{"connected boot-9"});
}

TEST_F(NodeLinkTest, FailsWhatIsUnderWayWhenStopped) {
    start_agent();
    start_link(agent_->enrolment());
    ASSERT_TRUE(connected());
    const auto waiting = begin(link_->read("slow", 10s));
    ASSERT_TRUE(turn_until([this] { return agent_->requests.size() == 2; }));
    run(link_->stop());
    ASSERT_TRUE(turn_until([&] { return waiting->has_value(); }));
    EXPECT_EQ((*waiting)->error().code, ErrorCode::unavailable);
    EXPECT_EQ(told_, (std::vector<std::string>{"connected boot-1", "disconnected"}));
}

}  // namespace
}  // namespace labhub::coordinator::link
