#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "coordinator/daemon/alarm_settings.hpp"
#include "coordinator/daemon/reservation_settings.hpp"
#include "coordinator/daemon/telemetry_settings.hpp"
#include "coordinator/domain/jobs/retention.hpp"
#include "shared/base/result.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::daemon {

/// Everything the coordinator's configuration file may say, with its defaults.
struct Settings {
    std::string http_listen = "127.0.0.1:8700";
    std::filesystem::path data_dir = "/var/lib/labhub";
    std::string mqtt_host = "127.0.0.1";
    std::uint16_t mqtt_port = 1883;
    std::string mqtt_username, mqtt_password;
    std::filesystem::path mqtt_tls_authority;                  ///< empty: no TLS
    std::filesystem::path mqtt_tls_certificate, mqtt_tls_key;  ///< empty: none of ours
    std::string group = "labhub";
    std::string host_id = "labhub";
    std::chrono::milliseconds reorder_window{2'000};
    std::filesystem::path ssh_key;  ///< empty: <data_dir>/ssh_ed25519_key
    std::string ssh_user = "coordinator";
    std::filesystem::path enrolment = "/etc/labhub/nodes.toml";
    std::string launcher = "auto";
    std::filesystem::path runner;  ///< empty: labhub-runner beside this program
    std::filesystem::path python;  ///< empty: where this program's packages are installed
    std::string runtime = "auto";
    std::string image = "host";
    std::filesystem::path image_declarations;  ///< empty: where this program's are installed
    std::chrono::milliseconds image_grace{600'000};
    int max_running = 4;
    double job_cpus = 0;
    std::chrono::milliseconds usage_half_life{std::chrono::hours{24 * 7}};
    std::int64_t job_memory = 0;
    bool mirror = true;
    int mirror_messages_per_second = 500;
    std::chrono::milliseconds mirror_refresh{10'000};
    std::int64_t input_bytes = 1LL << 30;
    std::int64_t user_inputs_bytes = 4LL << 30;
    std::int64_t inputs_bytes = 10LL << 30;
    int ready_sandboxes = 1;
    std::chrono::milliseconds node_lost_after{15'000};
    std::chrono::milliseconds max_pause{std::chrono::hours{24}};
    std::chrono::milliseconds lease_time_to_live{30'000};
    AlarmSettings alarms;
    ReservationSettings reservations;
    TelemetrySettings telemetry;
    jobs::RetentionRules results;

    std::filesystem::path ssh_key_path() const { return ssh_key.empty() ? data_dir / "ssh_ed25519_key" : ssh_key; }
};

/// The option table of `settings`, which must outlive it.
config::Options options_of(Settings& settings);
Result<Settings> load_settings(const std::filesystem::path& file);

/// "127.0.0.1:8700" or "[::1]:8700" as address and port. Error malformed.
Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text);

/// Where the Python packages of the sandbox are: the settings' folder, else the installed one, else the source tree's.
/// Error not_found naming the places looked at.
Result<std::filesystem::path> find_python(const Settings& settings, const std::filesystem::path& program);
/// labhub-runner: the settings' path, else beside this program. Error not_found.
Result<std::filesystem::path> find_runner(const Settings& settings, const std::filesystem::path& program);
/// labhub-image beside labhub-runner, which is started in the same way. Error not_found.
Result<std::filesystem::path> find_image_program(const std::filesystem::path& program);
/// labhub-twin beside this program; empty where there is none: the hub does without dry runs then.
std::filesystem::path find_twin(const std::filesystem::path& program);
/// Where images are declared: the settings' folder, else the installed one, else the source tree's. Error not_found.
Result<std::filesystem::path> find_declarations(const Settings& settings, const std::filesystem::path& program);

}  // namespace labhub::coordinator::daemon
