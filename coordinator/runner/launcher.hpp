#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/waiting_runners.hpp"
#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::runner {

/// Starts runners. A started runner does not depend on the coordinator: it lives on when that ends, however it ends.
/// What it has to say it says on the job socket, whoever started it.
///
/// Each way of starting them is one file that implements this, and one line in launcher_choice.cpp.
class Launcher {
  public:
    virtual ~Launcher() = default;
    /// As the configuration calls it.
    virtual std::string_view name() const = 0;

    /// Starts a runner on the job that JOB_DIR/job.json describes, and returns when it is there: a word for the log on
    /// what was started. Errors forbidden, not_found, unavailable, timed_out, internal, each with what is to be done;
    /// after an error no runner works on the job, nor will one.
    virtual Task<Result<std::string>> start(std::filesystem::path job_dir) = 0;
    /// For a job whose runner has died: makes sure that its sandbox is dead, brings in the outputs and returns what is
    /// known, with `ended` set. Idempotent. Errors conflict (the runner lives), timed_out, and as start().
    virtual Task<Result<RunnerState>> collect(std::filesystem::path job_dir) = 0;
    /// Whether there is something of a sandbox that a runner makes go away, or collect().
    virtual bool has_remains(const std::filesystem::path& job_dir) const = 0;

    /// Sandboxes are made in advance from now on, for jobs that fit. Error unsupported where this launcher can't.
    virtual Result<void> keep_ready(ReadySandboxes settings) = 0;
    /// Those to come are made like this one, and those that wait and are another way are made anew.
    virtual void keep_like(JobSpec like) = 0;
    /// Ends its tasks, and the runners that have no job; the others live on.
    virtual Task<void> close() = 0;
};

}  // namespace labhub::coordinator::runner
