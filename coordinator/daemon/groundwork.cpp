#include "coordinator/daemon/groundwork.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/store/migrations/migrations.hpp"
#include "shared/base/files.hpp"
#include "shared/base/random.hpp"
#include "shared/ssh/keys.hpp"

namespace labhub::coordinator::daemon {
namespace {

namespace fs = std::filesystem;

/// Held for as long as this process lives: two coordinators on one folder would start every job twice.
Result<UniqueFd> lock_folder(const fs::path& folder) {
    UniqueFd lock{::open((folder / "coordinator.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!lock) return system_error("open " + (folder / "coordinator.lock").string(), errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{ErrorCode::conflict, "another coordinator is at work on " + folder.string(),
                     "stop it first, or choose another data.dir"};
    return lock;
}

Result<std::string> load_or_create_token(const fs::path& path) {
    auto stored = read_file(path, 4096);
    if (stored) {
        while (!stored->empty() && (stored->back() == '\n' || stored->back() == ' ')) stored->pop_back();
        if (stored->size() >= 16) return stored;
        return Error{ErrorCode::corrupt, path.string() + " holds no token",
                     "delete it, and a new one is made at the next start"};
    }
    if (stored.error().code != ErrorCode::not_found) return stored;
    std::string token = random_hex(32);
    LABHUB_CHECK(write_file(path, token + "\n", 0600));
    spdlog::info("made the admin token: {}", path.string());
    return token;
}

Result<std::unique_ptr<sqlite::Writer>> open_database(const fs::path& path) {
    sqlite::OpenOptions options;
    options.synchronous = sqlite::Synchronous::full;
    LABHUB_TRY(auto database, sqlite::Database::open(path, options));
    LABHUB_CHECK(sqlite::migrate(database, store::main_migrations::migrations()));
    return sqlite::Writer::start(std::move(database));
}

Result<std::unique_ptr<store::TelemetryStore>> open_telemetry(const Settings& settings) {
    LABHUB_TRY(auto options, telemetry_options(settings.telemetry, settings.data_dir));
    return store::TelemetryStore::open(settings.data_dir / "telemetry", std::move(options));
}

Result<AlarmParts> alarm_parts(const AlarmSettings& settings) {
    AlarmParts parts;
    LABHUB_TRY(parts.rules, alarm_rules_of(settings));
    LABHUB_TRY(parts.channels, channels_of(settings));
    LABHUB_TRY(parts.courier, notify::Courier::start());
    return parts;
}

Result<jobs::EngineSettings> engine_settings(const Settings& settings, const fs::path& program) {
    jobs::EngineSettings engine;
    const fs::path data = fs::absolute(settings.data_dir);
    engine.socket = data / "run" / "jobs.sock";
    engine.cache = data / "run";
    LABHUB_TRY(engine.python, find_python(settings, program));
    engine.runtime = settings.runtime;
    engine.max_running = static_cast<std::size_t>(settings.max_running);
    engine.cpus = settings.job_cpus;
    engine.memory = settings.job_memory;
    engine.usage_half_life = settings.usage_half_life;
    engine.host_cpus = std::max(0L, ::sysconf(_SC_NPROCESSORS_ONLN));
    engine.host_memory = std::max(0L, ::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
    engine.node_lost_after = settings.node_lost_after;
    engine.max_pause = settings.max_pause;
    engine.retention = settings.results;
    return engine;
}

Result<runner::LauncherChoice> choose_launcher(const Settings& settings, const fs::path& program,
                                               asio::any_io_executor executor) {
    LABHUB_TRY(const fs::path runner, find_runner(settings, program));
    LABHUB_TRY(auto choice, runner::choose_launcher(settings.launcher, executor, runner,
                                                    fs::absolute(settings.data_dir) / "experiments"));
    spdlog::info("runners are started by the launcher '{}': {}", choice.launcher->name(), choice.why);
    return choice;
}

Result<images::ImageSettings> image_settings(const Settings& settings, const fs::path& program) {
    images::ImageSettings images;
    images.folder = fs::absolute(settings.data_dir) / "images";
    LABHUB_TRY(images.program, find_image_program(program));
    LABHUB_TRY(images.declarations, find_declarations(settings, program));
    LABHUB_TRY(images.python, find_python(settings, program));
    images.default_image = settings.image;
    images.grace = settings.image_grace;
    return images;
}

}  // namespace

Result<Groundwork> lay_groundwork(const Settings& settings, const fs::path& program, asio::any_io_executor executor) {
    for (const auto& folder : {settings.data_dir, settings.data_dir / "run", settings.data_dir / "experiments"})
        LABHUB_CHECK(make_folder(folder, 0700));
    Groundwork ground;
    LABHUB_TRY(ground.lock, lock_folder(settings.data_dir));
    LABHUB_TRY(ground.listen, parse_listen(settings.http_listen));
    LABHUB_TRY(ground.enrolments, link::read_enrolments(settings.enrolment));
    if (auto key = ssh::load_or_create_key(settings.ssh_key_path()); !key) return std::move(key).error();
    LABHUB_TRY(ground.engine, engine_settings(settings, program));
    LABHUB_TRY(ground.images, image_settings(settings, program));
    ground.inputs.folder = fs::absolute(settings.data_dir) / "inputs";
    ground.inputs.most_bytes = settings.input_bytes;
    ground.inputs.most_bytes_of_one = settings.user_inputs_bytes;
    ground.inputs.most_bytes_of_all = settings.inputs_bytes;
    LABHUB_TRY(ground.launcher, choose_launcher(settings, program, executor));
    ground.engine.launcher = std::string(ground.launcher.launcher->name()) + ": " + ground.launcher.why;
    ground.twin = find_twin(program);
    LABHUB_TRY(ground.alarms, alarm_parts(settings.alarms));
    LABHUB_TRY(ground.reservations, reservation_settings_of(settings.reservations, ground.alarms.channels.channels));
    LABHUB_TRY(ground.token, load_or_create_token(settings.data_dir / "admin-token"));
    auto writer = open_database(settings.data_dir / "labhub.db");
    if (!writer) return writer.error().within("labhub.db");
    ground.writer = std::move(*writer);
    auto telemetry = open_telemetry(settings);
    if (!telemetry) return telemetry.error().within("telemetry");
    ground.telemetry = std::move(*telemetry);
    return ground;
}

}  // namespace labhub::coordinator::daemon
