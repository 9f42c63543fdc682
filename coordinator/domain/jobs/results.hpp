#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/jobs/job.hpp"
#include "coordinator/runner/job_spec.hpp"
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
    /// Where the script's input files are, those of an ended job too.
    std::filesystem::path inputs_of(const JobId& job) const { return runner::input_folder(folder_of(job)); }
    std::filesystem::path zip_of(const JobId& job) const { return folder_of(job) / "results.zip"; }

    /// Completes the folder of an ended job: telemetry.csv, commands.csv, events.csv, experiment.json and results.zip
    /// beside what the runner left. Every part is tried; the first failure is returned.
    Task<Result<void>> write(Job job, std::vector<Event> events);
    /// telemetry.csv and commands.csv alone: for a dry run, whose readings and commands are elsewhere.
    Task<Result<void>> write_measured(Job job);
    /// The files of a result, those in output/ too, by name. Blocks.
    Result<std::vector<ResultFile>> list(const JobId& job) const;
    /// The file of that name, as list() gives it. Blocks. Error not_found.
    Result<std::filesystem::path> find(const JobId& job, const std::string& name) const;

    /// What there is of a job that runs: JOB_DIR/partial/, in which the runner has left a copy of the output folder,
    /// is made to look like a result of now, with results.zip in it.
    Task<Result<void>> write_partial(Job job, std::vector<Event> events, UtcMillis now);
    Result<std::vector<ResultFile>> list_partial(const JobId& job) const;
    Result<std::filesystem::path> find_partial(const JobId& job, const std::string& name) const;
    std::filesystem::path partial_zip_of(const JobId& job) const;
    /// Deletes what write_partial() made. Blocks.
    void remove_partial(const JobId& job) const;
    /// The bytes of a result's files; 0 where there is no folder. Blocks.
    Result<std::int64_t> size_of(const JobId& job) const;
    /// Deletes the folder. Blocks.
    Result<void> remove(const JobId& job) const;
    /// Deletes what a remove() that was cut off had taken away. Blocks.
    Result<void> finish_removals() const;
    /// Bytes that are free for us on the results' file system. Blocks.
    Result<std::int64_t> free_bytes() const;

  private:
    std::filesystem::path removed_folder() const { return folder_ / ".removed"; }
    /// Where files go, and up to when they tell.
    struct Stage {
        std::filesystem::path folder;
        UtcMillis until;
    };
    Task<Result<void>> write_data(Job job, std::vector<Event> events, Stage stage);
    Task<Result<void>> write_measured(Job job, Stage stage);
    Task<Result<void>> write_telemetry(Job job, Stage stage);
    Task<Result<void>> write_commands(Job job, Stage stage);
    Task<Result<void>> write_events(Job job, std::vector<Event> events, Stage stage);
    Task<Result<void>> write_description(Job job, Stage stage);

    std::filesystem::path folder_;
    fleet::Fleet& fleet_;
    store::TelemetryStore& telemetry_;
    store::CommandStore& commands_;
    store::AlarmStore& alarms_;
    asio::thread_pool& pool_;
};

}  // namespace labhub::coordinator::jobs
