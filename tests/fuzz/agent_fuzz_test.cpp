// What an agent reads of hosts: commands to the node and to its devices, and what a host says of itself. A device's
// command goes on to a real command path, over a vessel in memory.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <spdlog/spdlog.h>

#include "agent/edge_node/commands.hpp"
#include "agent/edge_node/host_state.hpp"
#include "shared/base/text.hpp"
#include "shared/proto/sparkplug_b.pb.h"
#include "tests/fuzz/mutator.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/unit/agent/safety/path_fixture.hpp"

namespace labhub::fuzz {
namespace {

namespace pb = labhub::sparkplug_b;
using agent::edge_node::HostState;
using sparkplug::MessageType;

const Seed& any_command(Mutator& mutator) { return command_seeds()[mutator.pick(command_seeds().size())]; }

std::string changed_bytes(Mutator& mutator) {
    const Seed& seed = any_command(mutator);
    return mutator.one_in(8) ? seed.bytes : mutator.change(seed.bytes, any_command(mutator).bytes);
}

void change_value(pb::Metric& metric, Mutator& mutator) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kOdd[] = {-1, 101, 1e308, -0.0, 100.0000001, kInfinity, -kInfinity, std::nan("")};
    switch (mutator.pick(8)) {
        case 0: metric.set_double_value(kOdd[mutator.pick(std::size(kOdd))]); break;
        case 1: metric.set_long_value(mutator.bits()); break;
        case 2: metric.set_datatype(static_cast<std::uint32_t>(mutator.pick(40))); break;
        case 3: metric.set_boolean_value(mutator.one_in(2)); break;
        case 4: metric.set_string_value(mutator.change("#ff0000", "\xC3\x28\x01")); break;
        case 5: metric.set_is_null(true); break;
        case 6: metric.set_name(mutator.one_in(2) ? "vial_A_temp" : mutator.change(metric.name(), "led")); break;
        default: metric.set_timestamp(mutator.bits()); break;
    }
}

/// Changed within its meaning, so that it is read to the end.
std::string changed_meaning(Mutator& mutator) {
    pb::Payload payload;
    EXPECT_TRUE(payload.ParseFromString(any_command(mutator).bytes));
    for (std::size_t left = mutator.pick(3) + 1; left > 0; --left)
        if (const int count = payload.metrics_size(); count > 0)
            change_value(*payload.mutable_metrics(static_cast<int>(mutator.pick(count))), mutator);
    if (mutator.one_in(4)) payload.set_timestamp(mutator.bits());
    return payload.SerializeAsString();
}

class AgentFuzz : public agent::safety::PathTest {
  protected:
    void SetUp() override { spdlog::set_level(spdlog::level::off); }
    void TearDown() override { spdlog::set_level(spdlog::level::info); }

    void expect_sane_vessel() {
        EXPECT_TRUE(std::holds_alternative<bool>(driver_->values.at("led"))) << to_string(driver_->values.at("led"));
        const double stirrer = driver_->value("stirrer"), pump = driver_->value("pump_A_in");
        EXPECT_TRUE(stirrer >= 0 && stirrer <= 100) << stirrer;
        EXPECT_TRUE(std::isfinite(pump) && pump >= 0) << pump;
        EXPECT_EQ(driver_->value("vial_A_temp"), 36.5) << "a sensor was commanded";
    }
    /// Whether it was carried out.
    bool obey(const std::string& bytes) {
        auto command = agent::edge_node::parse_device_command("vessel", bytes, clock_.utc_now());
        if (!command) {
            EXPECT_FALSE(command.error().message.empty());
            return false;
        }
        EXPECT_FALSE(command->id.empty());
        for (const auto& setpoint : command->setpoints) EXPECT_TRUE(is_utf8(setpoint.metric));
        const bool is_done = apply(std::move(*command)).has_value();
        expect_sane_vessel();
        return is_done;
    }
};

TEST_F(AgentFuzz, SeedsAreObeyedAsTheyAre) {
    std::size_t commands = 0;
    for (const Seed& seed : command_seeds()) {
        if (seed.topic.type == MessageType::ncmd) {
            const auto command = agent::edge_node::parse_node_command(seed.bytes);
            ASSERT_TRUE(command) << command.error().to_string();
            EXPECT_TRUE(command->rebirth || command->acknowledge);
        } else {
            EXPECT_TRUE(obey(seed.bytes));
            ++commands;
        }
    }
    EXPECT_GE(commands, 3u);
    EXPECT_GT(driver_->writes, 0u);
    EXPECT_GE(state_seeds().size(), 2u);
}

TEST_F(AgentFuzz, NoDeviceCommandMovesAnActuatorOutOfItsRange) {
    run_turns([this](Mutator& mutator) {
        obey(mutator.one_in(2) ? changed_bytes(mutator) : changed_meaning(mutator));
        if (mutator.one_in(16)) clock_.advance(std::chrono::milliseconds(mutator.pick(5'000)));
    });
}

TEST_F(AgentFuzz, ACommandSentAtTheEndOfTimeIsNotOfThePast) {
    pb::Payload payload;
    ASSERT_TRUE(payload.ParseFromString(command_seeds().back().bytes));
    payload.set_timestamp(static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    const auto command =
        agent::edge_node::parse_device_command("vessel", payload.SerializeAsString(), clock_.utc_now());
    ASSERT_TRUE(command) << command.error().to_string();
    EXPECT_GT(command->deadline->count, clock_.utc_now().count);
}

TEST_F(AgentFuzz, NodeCommandsAreReadOrRefused) {
    run_turns([](Mutator& mutator) {
        const auto command =
            agent::edge_node::parse_node_command(mutator.one_in(2) ? changed_bytes(mutator) : changed_meaning(mutator));
        EXPECT_TRUE(command || !command.error().message.empty());
    });
}

TEST_F(AgentFuzz, AHostIsAwayOnlyWhereItLastSaidSo) {
    run_turns([](Mutator& mutator) {
        HostState host;
        for (std::size_t left = mutator.pick(6) + 1; left > 0; --left) {
            const auto& seeds = state_seeds();
            std::string text = seeds[mutator.pick(seeds.size())];
            if (mutator.one_in(2)) text = mutator.change(text, seeds[mutator.pick(seeds.size())]);
            const bool was_offline = host.is_offline();
            const auto change = host.update(text);
            if (!change || *change == HostState::Change::none)
                EXPECT_EQ(host.is_offline(), was_offline) << printable(text);
            else
                EXPECT_EQ(host.is_offline(), *change == HostState::Change::went_offline) << printable(text);
        }
    });
}

}  // namespace
}  // namespace labhub::fuzz
