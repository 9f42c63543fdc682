#include <set>

#include <boost/asio/co_spawn.hpp>

#include "shared/base/framing.hpp"
#include "shared/base/ids.hpp"
#include "shared/proto/agent_rpc_convert.hpp"
#include "shared/ssh/client.hpp"
#include "tests/integration/agent/agent_lab.hpp"

namespace labhub::test {
namespace {

using namespace std::chrono_literals;
using sparkplug::MessageType;

constexpr const char* kDeviceCommands = "spBv1.0/labhub/DCMD/sim-1/vessel";

/// The coordinator's side of labhub-rpc, one request at a time.
class Rpc {
  public:
    Rpc(std::uint16_t port, const std::filesystem::path& key, const std::string& fingerprint) {
        ssh::ClientOptions options;
        options.host = "127.0.0.1";
        options.port = port;
        options.user = "hub";
        options.private_key_path = key;
        options.pinned_host_fingerprint = fingerprint;
        auto connected = run(ssh::Session::connect(std::move(options)));
        if (!connected) throw std::runtime_error(connected.error().to_string());
        session_ = std::move(*connected);
        auto opened = run(session_->open_subsystem(rpc::kSubsystem));
        if (!opened) throw std::runtime_error(opened.error().to_string());
        channel_ = *opened;
    }

    void send(rpc::Request request) { ASSERT_TRUE(run(channel_->write(encode_frame(request.SerializeAsString())))); }
    rpc::Reply receive() {
        while (true) {
            auto message = frames_.next();
            if (!message) throw std::runtime_error(message.error().to_string());
            rpc::Reply reply;
            if (*message && reply.ParseFromString(**message)) return reply;
            auto bytes = run(channel_->read());
            if (!bytes || bytes->empty()) throw std::runtime_error("the conversation has ended");
            frames_.append(*bytes);
        }
    }
    rpc::Reply ask(rpc::Request request) {
        request.set_id(++last_id_);
        send(request);
        rpc::Reply reply = receive();
        EXPECT_EQ(reply.id(), last_id_);
        return reply;
    }
    rpc::Reply lease(const std::string& id, std::uint32_t ttl_ms, bool renew_only = false) {
        rpc::Request request;
        auto& lease = *request.mutable_lease();
        lease.set_device("vessel");
        lease.set_lease_id(id);
        lease.set_holder("job:1");
        lease.set_ttl_ms(ttl_ms);
        lease.set_renew_only(renew_only);
        return ask(std::move(request));
    }
    rpc::Reply apply(const std::string& lease, double stirrer) {
        rpc::Request request;
        auto& apply = *request.mutable_apply();
        apply.set_command_id(new_id());
        apply.set_device("vessel");
        apply.set_lease_id(lease);
        apply.set_principal("job:1");
        *apply.add_setpoints() = rpc::to_rpc(Setpoint{"stirrer", stirrer});
        return ask(std::move(request));
    }

  private:
    template <class T>
    T run(Task<T> task) {
        std::optional<T> result;
        asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T value) {
            if (failure) std::rethrow_exception(failure);
            result.emplace(std::move(value));
        });
        io_.restart();
        const auto end = Steady::now() + 20s;
        while (!result && Steady::now() < end) io_.run_one_for(100ms);
        if (!result) throw std::runtime_error("no answer");
        return std::move(*result);
    }

    asio::io_context io_{1};
    std::unique_ptr<ssh::Session> session_;
    std::shared_ptr<ssh::Channel> channel_;
    FrameReader frames_;
    std::uint64_t last_id_ = 0;
};

class Commands : public AgentLab {
  protected:
    std::unique_ptr<Rpc> coordinator() {
        const auto shown =
            run_program({program("labhub-agent"), "host-key", "--config", (folder_ / "agent.toml").string()}, folder_);
        const auto at = shown.out.find("SHA256:");
        return std::make_unique<Rpc>(ssh_port(), key("hub"), shown.out.substr(at, shown.out.find('\n', at) - at));
    }
};

TEST_F(Commands, OverRpcGreetReadAndApply) {
    start();
    const auto rpc = coordinator();
    rpc::Request hello;
    hello.mutable_hello()->set_protocol(1);
    const rpc::Reply greeted = rpc->ask(std::move(hello));
    EXPECT_EQ(greeted.hello().node(), "sim-1");
    ASSERT_EQ(greeted.hello().devices_size(), 1);
    EXPECT_TRUE(greeted.hello().devices(0).connected());
    EXPECT_TRUE(greeted.hello().devices(0).safe());
    rpc::Request stranger;
    stranger.mutable_hello()->set_protocol(99);
    EXPECT_EQ(rpc->ask(std::move(stranger)).failure().code(), "unsupported");
    EXPECT_FALSE(rpc->lease("lease-1", 30'000).has_failure());
    const rpc::Reply applied = rpc->apply("lease-1", 40);
    ASSERT_FALSE(applied.has_failure()) << applied.failure().message();
    EXPECT_EQ(applied.apply().applied(0).value().number(), 40);
    EXPECT_EQ(output("stirrer"), 40);
    rpc::Request read;
    read.mutable_read()->set_device("vessel");
    EXPECT_EQ(rpc->ask(std::move(read)).read().readings_size(), 31);
    rpc::Request logs;
    logs.mutable_logs()->set_lines(5);
    EXPECT_EQ(rpc->ask(std::move(logs)).logs().lines_size(), 5);
    EXPECT_EQ(rpc->ask({}).failure().code(), "unsupported");
}

TEST_F(Commands, ALeaseKeepsEverybodyElseOut) {
    start();
    const auto rpc = coordinator();
    ASSERT_FALSE(rpc->lease("lease-1", 30'000).has_failure());
    const Output by_hand = ssh("set stirrer=40");
    EXPECT_EQ(by_hand.status, 1);
    EXPECT_NE(by_hand.err.find("job:1"), std::string::npos) << by_hand.err;
    EXPECT_EQ(rpc->apply("lease-2", 40).failure().code(), "conflict");
    Observer observer(broker_.port());
    observer.command(kDeviceCommands, "stirrer", 40.0);
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) {
        for (const Seen& each : seen)
            if (const auto* state = metric_of(each, "Last Command/State");
                state && state->value == Value{std::string("conflict")})
                return true;
        return false;
    }));
    EXPECT_EQ(output("stirrer"), 0);
    EXPECT_EQ(ssh("hold").status, 0) << "making it safe is everybody's right";
}

TEST_F(Commands, ALeaseThatIsNotRenewedEndsWithTheVesselSafeThoughTheCoordinatorIsGone) {
    start();
    auto rpc = coordinator();
    ASSERT_FALSE(rpc->lease("lease-1", 1'500).has_failure());
    ASSERT_FALSE(rpc->apply("lease-1", 40).has_failure());
    EXPECT_EQ(output("stirrer"), 40);
    rpc.reset();
    EXPECT_TRUE(eventually([&] { return output("stirrer") == 0; }, 5s));
    rpc = coordinator();
    EXPECT_EQ(rpc->lease("lease-1", 1'500, true).failure().code(), "not_found");
}

TEST_F(Commands, ManyRequestsAreAnsweredOnceEach) {
    start();
    const auto rpc = coordinator();
    for (std::uint64_t id = 1; id <= 60; ++id) {
        rpc::Request request;
        request.set_id(id);
        auto& apply = *request.mutable_apply();
        apply.set_command_id(new_id());
        apply.set_device("vessel");
        *apply.add_setpoints() = rpc::to_rpc(Setpoint{"stirrer", static_cast<double>(id)});
        rpc->send(std::move(request));
    }
    std::set<std::uint64_t> answered;
    for (int i = 0; i < 60; ++i) answered.insert(rpc->receive().id());
    EXPECT_EQ(answered.size(), 60u);
}

TEST_F(Commands, OverMqttAreAnsweredByDataAndANodeMetric) {
    start();
    Observer observer(broker_.port());
    observer.wait_for(MessageType::ddata);
    observer.command(kDeviceCommands, "stirrer", 33.0);
    ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) {
        for (const Seen& each : seen)
            if (const auto* metric = metric_of(each, "stirrer");
                each.topic.type == MessageType::ddata && metric && metric->value == Value{33.0})
                return true;
        return false;
    }));
    EXPECT_EQ(output("stirrer"), 33);
}

TEST_F(Commands, ThatAreRetainedAreRefused) {
    {
        Observer observer(broker_.port());
        observer.command(kDeviceCommands, "stirrer", 33.0, true);
        ASSERT_TRUE(observer.wait([](const std::vector<Seen>& seen) { return !seen.empty(); }));
    }
    start();
    ASSERT_TRUE(eventually([&] { return agent_log().find("a retained command") != std::string::npos; }));
    EXPECT_EQ(output("stirrer"), 0);
}

TEST_F(Commands, OnlyTheCoordinatorsKeyOpensRpc) {
    start();
    const Output opened = run_program({"ssh",
                                       "-F",
                                       "none",
                                       "-i",
                                       key("ada").string(),
                                       "-o",
                                       "IdentitiesOnly=yes",
                                       "-o",
                                       "BatchMode=yes",
                                       "-o",
                                       "LogLevel=ERROR",
                                       "-o",
                                       "StrictHostKeyChecking=no",
                                       "-o",
                                       "UserKnownHostsFile=/dev/null",
                                       "-p",
                                       std::to_string(ssh_port()),
                                       "-s",
                                       "lab@127.0.0.1",
                                       "labhub-rpc"},
                                      folder_);
    EXPECT_NE(opened.status, 0);
    EXPECT_NE(opened.err.find("subsystem"), std::string::npos) << opened.err;
}

}  // namespace
}  // namespace labhub::test
