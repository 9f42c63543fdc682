#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "coordinator/runner/launcher.hpp"

namespace labhub::coordinator::runner {

/// A launcher and why it is this one, for people.
struct LauncherChoice {
    std::unique_ptr<Launcher> launcher;
    std::string why;
};

/// What `wanted` (auto, spawn or systemd) means on this host. auto: spawn as root; otherwise systemd where it manages
/// this host and our units are installed; else spawn, with which experiments fail for want of root's rights. `program`
/// is the labhub-runner for spawn, `jobs` the folder of the jobs' folders. Errors unsupported (systemd is wanted and
/// not to be had), and what is wrong with root's rules for this folder.
Result<LauncherChoice> choose_launcher(const std::string& wanted, asio::any_io_executor executor,
                                       const std::filesystem::path& program, const std::filesystem::path& jobs);

}  // namespace labhub::coordinator::runner
