#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/runner/job_folders.hpp"
#include "coordinator/runner/outputs.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::runner {

/// Copies a script's outputs to JOB_DIR/partial/output while the script goes on, on a thread of its own: what it writes
/// meanwhile may be in the copy or not. One at a time. Made and used on one executor, and gone before that is.
class Snapshot {
  public:
    using Done = std::function<void(SnapshotTaken)>;

    Snapshot(asio::any_io_executor executor, JobFolders folders);
    ~Snapshot() { stop(); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    /// Begins one, unless one is under way already. `done` is called on the executor, for that one too.
    void take(std::filesystem::path output, OutputBounds bounds, Done done);
    /// Ends the one that is under way, without a word, and waits for its end, which is as long as a piece of a file
    /// takes.
    void stop();

  private:
    SnapshotTaken copy(const std::filesystem::path& output, const OutputBounds& bounds) const;
    void finished(SnapshotTaken taken);

    asio::any_io_executor executor_;
    JobFolders folders_;
    std::thread thread_;
    std::atomic<bool> stopping_ = false;
    std::shared_ptr<bool> is_current_;  ///< of the one under way; false when nobody waits for it any more
    Done done_;
};

}  // namespace labhub::coordinator::runner
