#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/store/alarm_store.hpp"
#include "coordinator/store/command_store.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"

namespace labhub::coordinator::jobs {

/// A file of a result, relative to the job's folder.
struct ResultFile {
    std::string name;
    std::int64_t size = 0;  ///< bytes
};

/// A job's folder, `<data>/experiments/<id>/`, as docs/architecture.md, "What a result holds", promises it. Lives on
/// the main thread; what blocks runs on the pool.
class Results {
  public:
    Results(std::filesystem::path folder, fleet::Fleet& fleet, store::TelemetryStore& telemetry,
            store::CommandStore& commands, store::AlarmStore& alarms, asio::thread_pool& pool)
        : folder_(std::move(folder)),
          fleet_(fleet),
          telemetry_(telemetry),
          commands_(commands),
          alarms_(alarms),
          pool_(pool) {}

    std::filesystem::path folder_of(const JobId& job) const { return folder_ / job.value; }
    std::filesystem::path zip_of(const JobId& job) const { return folder_of(job) / "results.zip"; }

    /// Completes the folder of an ended job: telemetry.csv, commands.csv, experiment.json and results.zip beside what
    /// the runner left. Every part is tried; the first failure is returned.
    Task<Result<void>> write(Job job);
    /// The files of a result, those in output/ too, by name. Blocks.
    Result<std::vector<ResultFile>> list(const JobId& job) const;
    /// Deletes the folder. Blocks.
    Result<void> remove(const JobId& job) const;

  private:
    Task<Result<void>> write_telemetry(Job job);
    Task<Result<void>> write_commands(Job job);
    Task<Result<void>> write_description(Job job);

    std::filesystem::path folder_;
    fleet::Fleet& fleet_;
    store::TelemetryStore& telemetry_;
    store::CommandStore& commands_;
    store::AlarmStore& alarms_;
    asio::thread_pool& pool_;
};

}  // namespace labhub::coordinator::jobs
