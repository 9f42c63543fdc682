#include "coordinator/daemon/settings.hpp"

#include <charconv>

#include "coordinator/daemon/results_settings.hpp"

namespace labhub::coordinator::daemon {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

config::Options options_of(Settings& settings) {
    config::Options options;
    options.add("http.listen", &settings.http_listen, "Address and port of the REST API", config::not_empty());
    options.add("data.dir", &settings.data_dir, "Folder of the databases, keys and results");
    options.add("mqtt.host", &settings.mqtt_host, "Host of the MQTT broker", config::not_empty());
    options.add("mqtt.port", &settings.mqtt_port, "TCP port of the MQTT broker", config::range(1, 65535));
    options.add("mqtt.username", &settings.mqtt_username, "User name at the broker; empty for none");
    options.add("mqtt.password", &settings.mqtt_password, "Password at the broker");
    options.add("mqtt.tls_authority", &settings.mqtt_tls_authority,
                "CA certificates (PEM) the broker's is checked against; empty: no TLS");
    options.add("mqtt.tls_certificate", &settings.mqtt_tls_certificate,
                "Our certificate (PEM), for a broker that asks for one");
    options.add("mqtt.tls_key", &settings.mqtt_tls_key, "Private key (PEM) of mqtt.tls_certificate");
    options.add("mqtt.group", &settings.group, "Sparkplug group of all nodes", config::name("group id"));
    options.add("mqtt.host_id", &settings.host_id, "Sparkplug host application id of this coordinator",
                config::name("host id"));
    options.add("mqtt.reorder_window", &settings.reorder_window,
                "How long to wait for a node's message that is missing before the node is asked for all its births",
                config::range(100ms, 60s));
    options.add(
        "ssh.key", &settings.ssh_key,
        "Private key the coordinator logs in to nodes with; made when missing; empty: ssh_ed25519_key in data.dir");
    options.add("ssh.user", &settings.ssh_user, "Login name at the nodes", config::name("user name"));
    options.add("nodes.enrolment", &settings.enrolment, "File that lists the nodes with their addresses and host keys");
    options.add("jobs.launcher", &settings.launcher,
                "Who starts runners: spawn (the coordinator itself, which takes root), systemd (as units, and the "
                "coordinator needs no rights), auto: spawn as root, else systemd where it has the units",
                config::one_of({"auto", "spawn", "systemd"}));
    options.add("jobs.runner", &settings.runner, "The labhub-runner program; empty: beside this program");
    options.add("jobs.python", &settings.python,
                "Folder of the Python packages scripts import; empty: the installed one");
    options.add("jobs.runtime", &settings.runtime,
                "OCI runtime: auto, runc, crun, or the path of a program with their command line", config::not_empty());
    options.add("jobs.image", &settings.image, "Image of experiments that name none; host: this host's own /usr",
                config::name("image"));
    options.add("images.declarations", &settings.image_declarations,
                "Folder with NAME/image.toml for each image that can be built; empty: the installed one");
    options.add("images.grace", &settings.image_grace,
                "A build that its name stands for no more, and no experiment names, is removed after so long",
                config::range(1s, 24h * 365));
    options.add("jobs.max_running", &settings.max_running, "Sandboxes at one time", config::range(1, 1000));
    options.add("jobs.cpus", &settings.job_cpus, "Processors that all sandboxes together may be given; 0: no bound",
                config::range(0.0, 10'000.0));
    options.add("jobs.memory", &settings.job_memory, "Bytes of memory likewise; 0: no bound",
                config::range(0, 1LL << 50));
    options.add("jobs.input_bytes", &settings.input_bytes, "Bytes of one experiment's input files together",
                config::range(std::int64_t{1}, std::int64_t{1} << 40));
    options.add("jobs.user_inputs_bytes", &settings.user_inputs_bytes,
                "Bytes of one user's input files that wait for experiments",
                config::range(std::int64_t{1}, std::int64_t{1} << 44));
    options.add("jobs.inputs_bytes", &settings.inputs_bytes,
                "Bytes of all input files that wait for experiments; those nobody uses go after a day",
                config::range(std::int64_t{1}, std::int64_t{1} << 44));
    options.add("jobs.usage_half_life", &settings.usage_half_life,
                "Processor time that was used counts half for its user's fair share after so long",
                config::range(1min, 24h * 366));
    options.add("jobs.ready_sandboxes", &settings.ready_sandboxes,
                "Sandboxes made in advance, each for the next job with the default output_limit; 0: none",
                config::range(0, 16));
    options.add("jobs.node_lost_after", &settings.node_lost_after,
                "A job ends when its node is out of reach for so long", config::range(1s, 24h));
    options.add("jobs.max_pause", &settings.max_pause, "An experiment that is paused for longer than this is ended",
                config::range(1s, 24h * 365));
    options.add("leases.time_to_live", &settings.lease_time_to_live,
                "A node makes a leased device safe when the coordinator doesn't renew the lease for so long; it is "
                "renewed three times as often",
                config::range(1s, 1h));
    options.add("mirror.enabled", &settings.mirror,
                "Show every present value as a retained JSON topic labhub/GROUP/NODE/DEVICE/METRIC, and carry out what "
                "is published under its /set");
    options.add("mirror.messages_per_second", &settings.mirror_messages_per_second,
                "Most messages of the mirror; with more changes than that each metric is shown less often",
                config::range(4, 100'000));
    options.add("mirror.refresh", &settings.mirror_refresh,
                "An unchanged value is shown again, with its new time, after so long", config::range(1s, 24h));
    add_alarm_options(options, settings.alarms);
    add_reservation_options(options, settings.reservations);
    add_telemetry_options(options, settings.telemetry);
    add_results_options(options, settings.results);
    return options;
}

Result<Settings> load_settings(const fs::path& file) {
    Settings settings;
    auto options = options_of(settings);
    LABHUB_CHECK(options.load_file(file));
    return settings;
}

Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text) {
    const auto colon = text.rfind(':');
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(colon == std::string::npos ? end : text.data() + colon + 1, end, port);
    const Error wrong{ErrorCode::malformed, "http.listen = '" + text + "' has no port",
                      "write it as 127.0.0.1:8700 or [::1]:8700"};
    if (parsed.ec == std::errc::result_out_of_range)
        return Error{ErrorCode::out_of_range, "http.listen = '" + text + "' has no such port",
                     "allowed: 0 to 65535, 0 for a free one"};
    if (parsed.ec != std::errc{} || parsed.ptr != end) return wrong;
    std::string address = text.substr(0, colon);
    if (address.size() > 2 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
    return std::pair{std::move(address), port};
}

namespace {

Result<fs::path> first_existing(std::string_view what, const std::vector<fs::path>& places) {
    std::string looked;
    for (const auto& place : places) {
        std::error_code failure;
        if (fs::exists(place, failure)) return fs::weakly_canonical(place, failure);
        looked += (looked.empty() ? "" : ", ") + place.string();
    }
    return Error{ErrorCode::not_found, "can't find " + std::string(what), "looked at: " + looked};
}

}  // namespace

Result<fs::path> find_python(const Settings& settings, const fs::path& program) {
    if (!settings.python.empty())
        return first_existing("jobs.python", {settings.python / "labhub"}).map([](fs::path found) {
            return found.parent_path();
        });
    const fs::path bin = program.parent_path();
    auto found =
        first_existing("the Python packages of the sandbox",
                       {bin / "../share/labhub/python/labhub", bin / "../../../coordinator/clients/python/labhub"});
    if (!found) return found;
    return found->parent_path();
}

Result<fs::path> find_image_program(const fs::path& program) {
    return first_existing("labhub-image", {program.parent_path() / "labhub-image"});
}

fs::path find_twin(const fs::path& program) {
    return first_existing("labhub-twin", {program.parent_path() / "labhub-twin"}).value_or(fs::path{});
}

Result<fs::path> find_declarations(const Settings& settings, const fs::path& program) {
    if (!settings.image_declarations.empty())
        return first_existing("images.declarations", {settings.image_declarations});
    const fs::path bin = program.parent_path();
    return first_existing("the declarations of images",
                          {bin / "../share/labhub/images", bin / "../../../coordinator/images"});
}

Result<fs::path> find_runner(const Settings& settings, const fs::path& program) {
    if (!settings.runner.empty()) return first_existing("jobs.runner", {settings.runner});
    return first_existing("labhub-runner", {program.parent_path() / "labhub-runner"});
}

}  // namespace labhub::coordinator::daemon
