#pragma once

#include <filesystem>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "coordinator/daemon/settings.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::daemon {

/// The whole coordinator, wired. start() makes and starts every part; stop() ends them in the reverse order. Runners
/// and their jobs are not touched by either.
class Coordinator {
  public:
    Coordinator(asio::io_context& context, Settings settings, std::filesystem::path program);
    ~Coordinator();

    /// Errors say which part can't start and why; what had started has been stopped then.
    Task<Result<void>> start();
    Task<void> stop();
    /// Reads the list of nodes again; the other settings are taken at the start only.
    void reload();

  private:
    struct Parts;
    asio::io_context& context_;
    Settings settings_;
    std::filesystem::path program_;
    std::unique_ptr<Parts> parts_;
};

}  // namespace labhub::coordinator::daemon
