#include "coordinator/daemon/broker_command.hpp"

#include <iostream>

#include "coordinator/broker/broker_config.hpp"
#include "coordinator/link/enrolment.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::daemon {
namespace {

namespace fs = std::filesystem;

Result<broker::BrokerSettings> settings_of(const BrokerCommand& command, const Settings& settings) {
    broker::BrokerSettings broker;
    LABHUB_TRY(auto listen, parse_listen(command.listen));
    broker.listen_address = std::move(listen.first);
    broker.listen_port = listen.second;
    broker.group = settings.group;
    broker.host_id = settings.host_id;
    broker.coordinator_user = settings.mqtt_username.empty() ? "coordinator" : settings.mqtt_username;
    broker.is_open = command.is_open;
    if (!command.tls.empty()) broker.tls = fs::absolute(command.tls);
    if (!command.output.empty()) broker.folder = fs::absolute(command.output);
    for (const char* file : {"ca.crt", "server.crt", "server.key"})
        if (!broker.tls.empty() && !fs::exists(broker.tls / file))
            return Error{ErrorCode::not_found, "there is no " + (broker.tls / file).string(),
                         "--tls takes the folder of ca.crt, server.crt and server.key"};
    // A broker that is set up before the first node is enrolled has no list yet, and needs none.
    const auto enrolments = link::read_enrolments(settings.enrolment);
    if (!enrolments && enrolments.error().code != ErrorCode::not_found) return enrolments.error();
    if (enrolments)
        for (const auto& enrolment : *enrolments) broker.nodes.push_back(enrolment.node);
    return broker;
}

}  // namespace

Result<void> write_broker_config(const BrokerCommand& command, const Settings& settings) {
    LABHUB_TRY(const auto broker, settings_of(command, settings));
    const std::string conf = mosquitto_conf(broker);
    const std::string acl = broker.is_open ? std::string() : mosquitto_acl(broker);
    if (command.output.empty()) {
        std::cout << conf;
        if (!acl.empty()) std::cout << "\n# --- " << (broker.folder / "acl").string() << " ---\n" << acl;
        return {};
    }
    LABHUB_CHECK(make_folder(broker.folder, 0755));
    LABHUB_CHECK(write_file(broker.folder / "labhub.conf", conf, 0644));
    if (acl.empty()) return {};
    // mosquitto reads it as its own user, and it names no secret.
    return write_file(broker.folder / "acl", acl, 0644);
}

}  // namespace labhub::coordinator::daemon
