#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// A Python that reads what strangers wrote, and runs nothing of it.
struct ConfinedPython {
    std::filesystem::path root;  ///< the image's; "/" for the host's own
    std::string python;          ///< path in it
    std::string program;         ///< Python text
    std::vector<std::string> arguments;
    bool with_packages = false;  ///< whether the image's packages can be imported (`site`); else its standard library
};

/// Becomes that Python, with the standard streams of this process: in the image's root, read-only, alone (no network,
/// no other process to be seen or signalled), as a user that owns nothing, with a gigabyte of memory and ten seconds
/// of processor time, and with the system calls only that reading, computing and writing to its streams take. Where
/// this process is not root and the kernel gives it no user namespace, the host's own Python runs with all of that but
/// the namespaces; another root is refused then.
///
/// For a process with one thread that exists for this. Returns only when it fails.
Error become(const ConfinedPython& what);

}  // namespace labhub::coordinator::images
