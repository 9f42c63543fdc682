#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/agent/observer.hpp"
#include "tests/integration/agent/process.hpp"
#include "tests/support/mosquitto.hpp"

namespace labhub::test {

/// One line of the simulator's event file.
struct VesselEvent {
    std::string event;  ///< "output", "dead_man", "boot"
    std::string metric;
    double value = 0;
    double monotonic_ms = 0;
};

/// A real agent process with a simulated vessel, a real broker, and keys for three people.
class AgentLab : public testing::Test {
  protected:
    AgentLab();
    ~AgentLab() override;

    void start_vessel(std::vector<std::string> more = {});
    /// Returns when the agent listens for SSH.
    void start_agent();
    /// Both, and waits until the vessel was found.
    void start();
    /// Makes samples come `period` apart, where start_agent hasn't been called yet.
    void sample_every(std::string period) { period_ = std::move(period); }

    /// `ssh … node COMMAND` with the plain OpenSSH client.
    Output ssh(const std::string& command, const std::string& who = "ada");
    std::vector<VesselEvent> events() const;
    /// What the vessel's output was last set to; 0 at first.
    double output(const std::string& metric) const;
    std::uint16_t ssh_port() const;
    std::filesystem::path key(const std::string& who) const { return folder_ / who; }
    std::string agent_log() const { return text_of(folder_ / "agent.log"); }
    std::string program(const std::string& name) const;

    static constexpr std::chrono::milliseconds kDeadMan{1'500};

    std::filesystem::path folder_;
    PrivateBroker broker_;
    Process vessel_;
    Process agent_;

  private:
    void write_configuration();
    std::string period_ = "100ms";
};

}  // namespace labhub::test
