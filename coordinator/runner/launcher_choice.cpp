#include "coordinator/runner/launcher_choice.hpp"

#include <unistd.h>

#include "coordinator/runner/host_rules.hpp"
#include "coordinator/runner/spawn_launcher.hpp"
#include "coordinator/runner/systemd_launcher.hpp"

namespace labhub::coordinator::runner {
namespace {

Result<LauncherChoice> choose_systemd(asio::any_io_executor executor, const std::filesystem::path& jobs,
                                      std::string why) {
    LABHUB_TRY(const HostRules rules, load_host_rules(kHostRulesFile));
    if (rules.jobs != jobs)
        return Error{ErrorCode::conflict,
                     "the runners that systemd starts look for jobs in " + rules.jobs.string() +
                         ", and data.dir puts "
                         "them into " +
                         jobs.string(),
                     std::string("set jobs.folder and jobs.socket in ") + kHostRulesFile};
    return LauncherChoice{std::make_unique<SystemdLauncher>(executor, rules.sandboxes), std::move(why)};
}

}  // namespace

Result<LauncherChoice> choose_launcher(const std::string& wanted, asio::any_io_executor executor,
                                       const std::filesystem::path& program, const std::filesystem::path& jobs) {
    const bool is_configured = wanted != "auto", is_root = ::geteuid() == 0;
    const bool has_units = has_systemd_units();
    if (wanted == "systemd" && !has_units)
        return Error{ErrorCode::unsupported, "jobs.launcher is 'systemd', which can't start runners here",
                     "systemd has to manage this host, and labhub-job@.service to be installed"};
    if (wanted == "systemd") return choose_systemd(executor, jobs, "jobs.launcher says so");
    if (!is_configured && !is_root && has_units)
        return choose_systemd(executor, jobs, "the coordinator is not root, and systemd has labhub-job@.service");
    std::string why = "jobs.launcher says so";
    if (!is_configured) why = is_root ? "the coordinator is root" : "there is no labhub-job@.service of systemd here";
    if (!is_root) why += "; the coordinator is not root, so no sandbox can be made";
    return LauncherChoice{std::make_unique<SpawnLauncher>(executor, program), std::move(why)};
}

}  // namespace labhub::coordinator::runner
