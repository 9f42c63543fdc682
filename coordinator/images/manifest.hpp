#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// What is known of one image, beside its files: DIGEST/manifest.json. Written once.
struct Manifest {
    std::string digest;   ///< SHA-256 of DIGEST/listing, which names every file with its own
    std::string name;     ///< what it was made as
    std::string source;   ///< "Debian bookworm", "OCI layout /srv/image.tar": for people
    std::string python;   ///< path of its Python, seen from inside
    std::string version;  ///< of that Python: "3.11.2"
    UtcMillis made;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::vector<std::string> packages;  ///< "python3-numpy 1:1.24.2-1"
    std::vector<std::string> modules;   ///< what a script can import, top level, sorted
};

/// Error corrupt, saying which member; as read_file.
Result<Manifest> read_manifest(const std::filesystem::path& file);
Result<void> write_manifest(const std::filesystem::path& file, const Manifest& manifest);

}  // namespace labhub::coordinator::images
