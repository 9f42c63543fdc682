#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/daemon/settings.hpp"
#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/reservations/reservations.hpp"
#include "coordinator/link/enrolment.hpp"
#include "coordinator/notify/courier.hpp"
#include "coordinator/notify/notifier.hpp"
#include "coordinator/runner/launcher_choice.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"
#include "shared/base/files.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::daemon {

/// What the configuration says of alarms, and what carries their notifications.
struct AlarmParts {
    alarms::Alarms::Settings rules;
    notify::NotifierSettings channels;
    std::unique_ptr<notify::Courier> courier;
};

/// What the coordinator finds on its host, or makes there, before any part of it is started: files, databases,
/// programs.
struct Groundwork {
    UniqueFd lock;  ///< of the data folder: two coordinators on one would start every job twice
    std::pair<std::string, std::uint16_t> listen;
    std::vector<link::Enrolment> enrolments;
    jobs::EngineSettings engine;
    images::ImageSettings images;
    jobs::InputSettings inputs;
    runner::LauncherChoice launcher;
    std::filesystem::path twin;  ///< empty: no dry runs
    AlarmParts alarms;
    reservations::Settings reservations;
    std::string token;
    std::unique_ptr<sqlite::Writer> writer;
    std::unique_ptr<store::TelemetryStore> telemetry;
};

/// Errors name what is wrong with the host or the configuration. `settings.data_dir` is absolute; `program` is this
/// program's own path. Reads and writes files: for the start only.
Result<Groundwork> lay_groundwork(const Settings& settings, const std::filesystem::path& program,
                                  asio::any_io_executor executor);

}  // namespace labhub::coordinator::daemon
