#pragma once

#include <filesystem>
#include <memory>

#include <sys/types.h>

#include "shared/proto/agent_rpc.pb.h"
#include "shared/runtime/local_stream.hpp"

namespace labhub::coordinator::dry_run {

/// One run of labhub-twin, with the stream to it. It is killed with this object, and ends by itself when the stream
/// does: it never outlives the coordinator.
class TwinProcess {
  public:
    /// Starts it, with `folder` (which exists) for its own, and hands it its setup. Errors as the system gave them.
    static Result<std::unique_ptr<TwinProcess>> start(asio::any_io_executor executor,
                                                      const std::filesystem::path& program,
                                                      const std::filesystem::path& folder, const rpc::TwinSetup& setup);
    ~TwinProcess();
    TwinProcess(const TwinProcess&) = delete;
    TwinProcess& operator=(const TwinProcess&) = delete;

    /// For requests; once.
    std::shared_ptr<LocalStream> take_stream() { return std::exchange(stream_, nullptr); }
    pid_t pid() const { return pid_; }

  private:
    TwinProcess(pid_t pid, std::shared_ptr<LocalStream> stream) : pid_(pid), stream_(std::move(stream)) {}

    pid_t pid_;
    std::shared_ptr<LocalStream> stream_;
};

}  // namespace labhub::coordinator::dry_run
