#include "tests/integration/agent/agent_lab.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "shared/base/json.hpp"

namespace labhub::test {
namespace {

const std::vector<std::pair<std::string, std::string>> kPeople{
    {"ada", "operator"}, {"vic", "viewer"}, {"hub", "coordinator"}};

std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

AgentLab::AgentLab() {
    std::string pattern = (std::filesystem::temp_directory_path() / "labhub-agent-lab-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("can't make a temporary folder");
    folder_ = pattern;
    for (const auto& [name, role] : kPeople) {
        const auto made =
            run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key(name).string()}, folder_);
        if (made.status != 0) throw std::runtime_error("ssh-keygen: " + made.err);
    }
}

AgentLab::~AgentLab() {
    agent_.kill();
    vessel_.kill();
    if (HasFailure()) std::fprintf(stderr, "--- the agent's log\n%s", agent_log().c_str());
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string AgentLab::program(const std::string& name) const {
    const std::string folder = environment("LABHUB_BIN");
    return (folder.empty() ? std::filesystem::path("build/dev/bin") : std::filesystem::path(folder)) / name;
}

void AgentLab::write_configuration() {
    std::ofstream file(folder_ / "agent.toml");
    file << "[node]\nid = \"sim-1\"\ndata_dir = \"data\"\n"
         << "[mqtt]\nport = " << broker_.port() << "\nkeepalive = \"5s\"\n"
         << "[ssh]\nlisten = \"127.0.0.1:0\"\n";
    for (const auto& [name, role] : kPeople)
        file << "[[ssh.authorized_key]]\nname = \"" << name << "\"\nrole = \"" << role << "\"\nkey = \""
             << std::string(text_of(key(name).string() + ".pub").c_str())
                    .substr(0, text_of(key(name).string() + ".pub").find('\n'))
             << "\"\n";
    file << "[[device]]\nid = \"vessel\"\nport = \"pty\"\nperiod = \"" << period_ << "\"\ndead_man = \""
         << kDeadMan.count() << "ms\"\n";
}

void AgentLab::start_vessel(std::vector<std::string> more) {
    std::vector<std::string> arguments{program("labhub-vessel-sim"),
                                       "--link",
                                       (folder_ / "pty").string(),
                                       "--events",
                                       (folder_ / "events").string(),
                                       "--log-level",
                                       "warn"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::filesystem::remove(folder_ / "vessel.out");
    vessel_ = Process(arguments, folder_ / "vessel.out", folder_ / "vessel.err");
    if (!eventually([&] { return text_of(folder_ / "vessel.out").find("ready") != std::string::npos; }))
        throw std::runtime_error("the vessel doesn't start: " + text_of(folder_ / "vessel.err"));
}

void AgentLab::start_agent() {
    write_configuration();
    std::filesystem::remove(folder_ / "data" / "ssh_port");
    agent_ = Process({program("labhub-agent"), "--config", (folder_ / "agent.toml").string()}, folder_ / "agent.log",
                     folder_ / "agent.log");
    if (!eventually([&] { return std::filesystem::exists(folder_ / "data" / "ssh_port"); }))
        throw std::runtime_error("the agent doesn't start: " + agent_log());
}

void AgentLab::start() {
    start_vessel();
    start_agent();
    if (!eventually([&] { return ssh("get stirrer").status == 0; }))
        throw std::runtime_error("the vessel isn't found: " + agent_log());
}

std::uint16_t AgentLab::ssh_port() const {
    return static_cast<std::uint16_t>(std::stoi(text_of(folder_ / "data" / "ssh_port")));
}

Output AgentLab::ssh(const std::string& command, const std::string& who) {
    return run_program({"ssh", "-F", "none", "-i", key(who).string(), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                        "-o", "LogLevel=ERROR", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                        "-p", std::to_string(ssh_port()), "lab@127.0.0.1", command},
                       folder_);
}

std::vector<VesselEvent> AgentLab::events() const {
    std::vector<VesselEvent> all;
    std::istringstream lines(text_of(folder_ / "events"));
    for (std::string line; std::getline(lines, line);) {
        const auto json = parse_json(line);
        if (!json || !json->is_object()) continue;
        const auto& object = json->get_object();
        VesselEvent event;
        if (const auto* name = object.if_contains("event")) event.event = std::string(name->as_string());
        if (const auto* metric = object.if_contains("metric")) event.metric = std::string(metric->as_string());
        if (const auto* value = object.if_contains("value")) {
            if (value->is_number()) event.value = value->to_number<double>();
            if (value->is_bool()) event.value = value->get_bool() ? 1 : 0;
        }
        if (const auto* time = object.if_contains("monotonic_ms")) event.monotonic_ms = time->to_number<double>();
        all.push_back(std::move(event));
    }
    return all;
}

double AgentLab::output(const std::string& metric) const {
    double last = 0;
    for (const VesselEvent& event : events())
        if (event.event == "output" && event.metric == metric) last = event.value;
    return last;
}

}  // namespace labhub::test
