#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::runner {

/// What became of asking systemd to start a unit.
struct UnitOutcome {
    bool is_started = false;  ///< a service of Type=oneshot: it has ended well
    std::string job_result;   ///< of systemd's job: "done", "failed", "timeout", "canceled", "dependency" …
    std::string unit_result;  ///< "exit-code", "signal", "timeout" …; empty when it started
    int exit_status = 0;      ///< of its main process
    std::string status_text;  ///< what the program said of itself last
};

/// systemd, as the manager of this host's services, over the system's D-Bus. Connects when it is first asked, and again
/// after the connection was lost. The only place that knows libsystemd.
///
/// Lives on one executor and never waits outside of it.
class ServiceManager {
  public:
    explicit ServiceManager(asio::any_io_executor executor);
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    /// Starts it and waits until it is started, or failed. One that is active counts as started. Errors: forbidden (no
    /// right to), not_found (no such unit), unavailable (no answer from D-Bus or systemd: whether it starts is not
    /// known), timed_out (likewise).
    Task<Result<UnitOutcome>> start_unit(std::string unit, std::chrono::milliseconds limit);
    /// Asks for its end, without waiting for it.
    Task<Result<void>> stop_unit(std::string unit);
    /// Makes it forget that the unit failed, as systemd keeps failed ones.
    Task<Result<void>> forget_failure(std::string unit);
    Task<void> close();

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace labhub::coordinator::runner
