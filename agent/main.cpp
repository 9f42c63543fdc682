// labhub-agent: owns the hardware of one machine, keeps it safe, and shows it over MQTT and SSH.

#include <csignal>
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "agent/agent.hpp"
#include "agent/fleet/command_line.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/log.hpp"

namespace {

using namespace labhub;

constexpr auto kAbout =
    "Owns the hardware of one machine, keeps it safe, and shows its sensors and actuators over MQTT and SSH.";

struct CommandLine {
    std::string config;
    std::string log_level = "info";
    bool check = false;
    bool host_key = false;
};

int fail(const Error& error, int status) {
    std::fprintf(stderr, "labhub-agent: %s\n", error.message.c_str());
    if (!error.detail.empty()) std::fprintf(stderr, "  %s\n", error.detail.c_str());
    return status;
}

/// What an enrolment needs of this node, the key made if there is none.
int show_host_key(const agent::config::AgentConfig& config) {
    if (auto made = make_folder(config.node.data_dir, 0700); !made) return fail(made.error(), 1);
    const auto key = ssh::load_or_create_key(config.ssh.host_key);
    if (!key) return fail(key.error(), 1);
    std::printf("%s\n%s\n", key->to_string().c_str(), key->fingerprint().c_str());
    return 0;
}

Task<void> serve(asio::io_context* io, agent::Agent* agent) {
    asio::signal_set signals(*io, SIGTERM, SIGINT);
    agent->start();
    co_await signals.async_wait(as_result);
    co_await agent->stop();
    io->stop();
}

int run(agent::config::AgentConfig config) {
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context io(1);
    auto agent = agent::Agent::make(io.get_executor(), std::move(config));
    if (!agent) return fail(agent.error(), 1);
    asio::co_spawn(io, serve(&io, agent->get()), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(kAbout, "labhub-agent");
    app.set_version_flag("--version", LABHUB_VERSION);
    app.fallthrough();
    CommandLine line;
    auto* const config_option = app.add_option("--config", line.config, "the configuration file (TOML)");
    app.add_option("--log-level", line.log_level, "trace, debug, info, warn, error or off")->capture_default_str();
    app.add_subcommand("check", "check the configuration file and say what is wrong with it")->callback([&] {
        line.check = true;
    });
    app.add_subcommand("host-key",
                       "print the SSH host key and its fingerprint, for enrolment; makes the key if there is none")
        ->callback([&] { line.host_key = true; });
    agent::fleet::Options fleet;
    agent::fleet::add_options(app, fleet);
    agent::config::AgentConfig defaults;
    app.footer("Configuration file:\n" + agent::config::options_of(defaults).help());
    try {
        app.parse(argc, argv);
        if (fleet.nodes == 0 && line.config.empty()) throw CLI::RequiredError("--config");
        if (fleet.nodes > 0 && *config_option) throw CLI::ExcludesError("--simulate-fleet", "--config");
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (auto started = start_logging("agent", line.log_level); !started) return fail(started.error(), 2);
    if (fleet.nodes > 0) return agent::fleet::run(std::move(fleet));
    auto config = agent::config::load(line.config);
    if (!config) return fail(config.error(), 2);
    if (line.host_key) return show_host_key(*config);
    if (!line.check) return run(std::move(*config));
    std::printf("%s: good: node %s with %zu device(s)\n", line.config.c_str(), config->node.id.c_str(),
                config->devices.size());
    return 0;
}
