#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// What an image is built of: image.toml in the folder of its name.
struct Declaration {
    std::string name;
    std::string description;
    std::string suite;  ///< of Debian: "bookworm"; the host's own where the file has none
    std::vector<std::string> packages;
    std::vector<std::string> leave_out;  ///< folders below the root: "usr/share/doc"
};

/// Errors malformed (file:line: what), not_found.
Result<Declaration> read_declaration(const std::filesystem::path& file);

/// The host's own Debian suite. Error unsupported when the host is no Debian.
Result<std::string> host_suite();

/// Those of the host's package sources (below `apt`, usually /etc/apt) that carry the suite, with its updates and
/// security fixes, as one deb822 file. Error not_found, naming the suites there are.
Result<std::string> sources_of(const std::filesystem::path& apt, const std::string& suite);

}  // namespace labhub::coordinator::images
