#include <csignal>
#include <cstdio>
#include <iostream>

#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>

#include "coordinator/daemon/broker_command.hpp"
#include "coordinator/daemon/coordinator.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/log.hpp"
#include "shared/runtime/task_group.hpp"
#include "shared/ssh/keys.hpp"

namespace {

using namespace labhub;
using coordinator::daemon::BrokerCommand;
using coordinator::daemon::Coordinator;
using coordinator::daemon::Settings;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int fail(const Error& error, int status) {
    std::cerr << "labhub-coordinator: " << error.to_string() << "\n";
    return status;
}

Task<void> keep_reloading(asio::signal_set& signals, Coordinator& coordinator) {
    for (;;) {
        const auto [failure, number] = co_await signals.async_wait(as_result);
        if (failure) co_return;
        coordinator.reload();
    }
}

Task<void> run(asio::io_context& context, Settings settings, std::filesystem::path program, int& status) {
    Coordinator coordinator(context, std::move(settings), std::move(program));
    asio::signal_set signals(context, SIGINT, SIGTERM), hangups(context, SIGHUP);
    TaskGroup reloading(context.get_executor());
    auto started = co_await coordinator.start();
    if (started) {
        reloading.spawn("reload", keep_reloading(hangups, coordinator));
        co_await signals.async_wait(as_result);
    } else {
        status = fail(started.error(), kFailed);
    }
    co_await reloading.stop();
    co_await coordinator.stop();
    context.stop();
}

int serve(Settings settings) {
    asio::io_context context{1};
    int status = 0;
    std::error_code failure;
    auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
    asio::co_spawn(context, run(context, std::move(settings), std::move(program), status), asio::detached);
    context.run();
    return status;
}

int print_key(const Settings& settings) {
    const auto folder = settings.ssh_key_path().parent_path();
    if (auto made = make_folder(folder, 0700); !made) return fail(made.error(), kFailed);
    auto key = ssh::load_or_create_key(settings.ssh_key_path());
    if (!key) return fail(key.error(), kFailed);
    std::cout << key->to_string() << "\n";
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"labhub-coordinator: lends nodes, runs scripts in sandboxes, keeps every reading"};
    std::string config, level = "info";
    app.add_option("--config", config, "Configuration file (TOML)")->required();
    app.add_option("--log-level", level, "trace, debug, info, warn, error or off")->capture_default_str();
    app.set_version_flag("--version", "labhub-coordinator " LABHUB_VERSION);
    Settings defaults;
    app.footer("Options of the configuration file:\n" + coordinator::daemon::options_of(defaults).help());
    auto* const key =
        app.add_subcommand("ssh-key", "Print the public key to authorise on the nodes, making the key when missing");
    key->fallthrough();
    BrokerCommand broker;
    auto* const broker_config = app.add_subcommand(
        "broker-config", "Print mosquitto's configuration and access list for the enrolled nodes, or write them");
    broker_config->fallthrough();
    broker_config->add_option("--output", broker.output, "Folder to write labhub.conf and acl to");
    broker_config->add_option("--listen", broker.listen, "Address and port; :PORT for every interface")
        ->capture_default_str();
    broker_config->add_option("--tls", broker.tls,
                              "Folder of ca.crt, server.crt, server.key: clients prove who they are by a certificate");
    broker_config->add_flag("--open", broker.is_open, "Let anyone do anything: for a private broker on 127.0.0.1");
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGPIPE, SIG_IGN);  // a program that reads from us may end before it has read all
    if (auto logging = start_logging("coordinator", level); !logging) return fail(logging.error(), kUsage);
    auto settings = coordinator::daemon::load_settings(config);
    if (!settings) return fail(settings.error(), kUsage);
    if (*key) return print_key(*settings);
    if (*broker_config) {
        const auto written = coordinator::daemon::write_broker_config(broker, *settings);
        return written ? 0 : fail(written.error(), kFailed);
    }
    return serve(std::move(*settings));
}
