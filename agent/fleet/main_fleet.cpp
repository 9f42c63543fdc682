// The part of labhub-agent's command line that simulates a fleet.

#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "agent/fleet/command_line.hpp"
#include "agent/fleet/fleet.hpp"

namespace labhub::agent::fleet {
namespace {

/// "90s", "2m", as everywhere.
void add_duration(CLI::App& app, const char* name, std::chrono::milliseconds& target, const char* text) {
    const std::function<void(const std::string&)> take = [&target, name](const std::string& given) {
        const auto parsed = parse_duration(given);
        if (!parsed) throw CLI::ValidationError(name, parsed.error().to_string());
        target = *parsed;
    };
    app.add_option_function<std::string>(name, take, text)
        ->default_str(format_duration(target))
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name("DURATION")
        ->group("Fleet");
}

int fail(const Error& error) {
    std::fprintf(stderr, "labhub-agent: %s\n", error.to_string().c_str());
    return 1;
}

Task<void> stop_on_signal(asio::signal_set& signals, Fleet& fleet) {
    const auto [failure, number] = co_await signals.async_wait(as_result);
    if (!failure) fleet.stop_sampling();
}

Task<void> serve(asio::io_context& io, Fleet& fleet, Result<void>& outcome) {
    asio::signal_set signals(io, SIGTERM, SIGINT);
    TaskGroup tasks(io.get_executor());
    tasks.spawn("signals", stop_on_signal(signals, fleet));
    auto running = fleet.run();
    outcome = co_await std::move(running);
    co_await tasks.stop();
    io.stop();
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
    const auto add = [&](const char* name, auto& target, const char* text) {
        return app.add_option(name, target, text)->capture_default_str()->group("Fleet");
    };
    add("--simulate-fleet", options.nodes, "simulate so many nodes, without hardware, SSH or a configuration file")
        ->check(CLI::Range(1u, 99'999u));
    add("--metrics", options.metrics, "metrics of each node")->check(CLI::Range(1u, 10'000u));
    add("--rate", options.rate_hz, "samples a second of every metric")->check(CLI::Range(0.001, 1'000.0));
    add("--first", options.first, "number of the first node: fleet-00001")->check(CLI::Range(0u, 99'999u));
    add("--seed", options.seed, "of the simulated values");
    add("--broker-host", options.host, "host of the MQTT broker");
    add("--broker-port", options.port, "its port");
    add("--broker-username", options.username, "user name at the broker");
    add("--broker-password-file", options.password_file, "file with the password")->check(CLI::ExistingFile);
    add("--group", options.group, "Sparkplug group of the nodes");
    add("--primary-host", options.primary_host, "Sparkplug host application whose STATE steers replay");
    add("--host-key", options.host_key, "SSH host key the births announce (SHA256:…), as enrolled: no SSH is served");
    add("--spool-bytes", options.spool_bytes, "memory for what one node has not been acknowledged");
    add("--replay", options.replay_messages_per_second, "stored messages a node sends again in a second")
        ->check(CLI::Range(1u, 10'000u));
    add("--ledger", options.ledger, "write every reading to this file: node,device,metric,time_ms,value");
    add("--state", options.state, "folder for spools that outlive this process; the ledger is then continued");
    add_duration(app, "--keepalive", options.keepalive, "of MQTT, at least 5s");
    add_duration(app, "--ramp", options.ramp, "time over which the nodes start");
    add_duration(app, "--duration", options.duration, "time of sampling; 0s: until a signal");
    add_duration(app, "--drain", options.drain, "how long to wait at the end for acknowledgements");
}

int run(Options options) {
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context io(1);
    auto fleet = Fleet::make(io.get_executor(), std::move(options));
    if (!fleet) return fail(fleet.error());
    Result<void> outcome;
    asio::co_spawn(io, serve(io, **fleet, outcome), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    io.run();
    if (!outcome) return fail(outcome.error());
    const Totals totals = (*fleet)->totals();
    if (totals.unacknowledged == 0) return 0;
    return fail(Error{ErrorCode::unavailable, "the host has not acknowledged " + std::to_string(totals.unacknowledged) +
                                                  " of the spools' rows"});
}

}  // namespace labhub::agent::fleet
