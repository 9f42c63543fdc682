#pragma once

#include <filesystem>

#include "shared/base/result.hpp"

namespace labhub::cli::up {

/// What `labhub up` starts and hands on.
struct Programs {
    std::filesystem::path agent, simulator, coordinator, runner;
    std::filesystem::path mosquitto;
    std::filesystem::path ssh_keygen;  ///< empty when there is none: then no key for people is made
    std::filesystem::path python;      ///< folder of the Python packages scripts import
};

/// Our own programs stand beside this one. The Python packages are in ../share/labhub/python of an installation, or in
/// the source tree that build/<preset>/bin is part of. mosquitto is looked for in PATH and /usr/sbin. Error not_found
/// names what is missing and where it was looked for.
Result<Programs> find_programs();
/// The same with the folder of our programs given.
Result<Programs> find_programs(const std::filesystem::path& bin);

}  // namespace labhub::cli::up
