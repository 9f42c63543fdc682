#pragma once

#include "coordinator/runner/launcher.hpp"
#include "coordinator/runner/service_manager.hpp"

namespace labhub::coordinator::runner {

/// Has systemd start each runner, as root, as the unit labhub-job@ID.service; the coordinator needs no rights but that
/// to start and stop units of this name, which polkit gives its user. A runner finds its job by the unit's name, and
/// root's /etc/labhub/runner.toml bounds what it does for it (host_rules.hpp). What a killed one left,
/// labhub-collect@ID.service brings in. Sandboxes are not made in advance: a runner that waits would have to be told
/// its job by a descriptor, and units get none of ours.
class SystemdLauncher final : public Launcher {
  public:
    /// `sandboxes` is the folder of that name in root's rules: only its entries' names are looked at.
    SystemdLauncher(asio::any_io_executor executor, std::filesystem::path sandboxes);

    std::string_view name() const override { return "systemd"; }
    Task<Result<std::string>> start(std::filesystem::path job_dir) override;
    Task<Result<RunnerState>> collect(std::filesystem::path job_dir) override;
    bool has_remains(const std::filesystem::path& job_dir) const override;
    Result<void> keep_ready(ReadySandboxes settings) override;
    void keep_like(JobSpec) override {}
    Task<void> close() override { return manager_.close(); }

  private:
    std::filesystem::path sandboxes_;
    ServiceManager manager_;
};

/// Whether systemd manages this host and has the templates of our units.
bool has_systemd_units();

}  // namespace labhub::coordinator::runner
