#pragma once

#include <filesystem>
#include <string>

#include "coordinator/images/child.hpp"
#include "coordinator/images/declaration.hpp"
#include "coordinator/images/manifest.hpp"

namespace labhub::coordinator::images {

/// Builds what is declared, with mmdebstrap from the host's package sources, and takes it for an image. Needs root.
/// Blocks for minutes. Errors unsupported (no mmdebstrap, no such suite), internal with what mmdebstrap said last.
Result<Manifest> build_image(const std::filesystem::path& images, const Declaration& declared, const Said& said);

/// Takes an image from somewhere else: a folder that is an OCI image layout, or a tar file of one, or what `docker
/// save` and `podman save` write. Needs root, skopeo and umoci. Errors malformed (nothing of these), unsupported (no
/// program, no Python in it), internal.
Result<Manifest> import_image(const std::filesystem::path& images, const std::string& name,
                              const std::filesystem::path& from, const Said& said);

/// Which of skopeo's transports reads it: "oci", "oci-archive" or "docker-archive". Error malformed.
Result<std::string> transport_of(const std::filesystem::path& from);

/// Asks the Python in `root` (or the host's own, "/") for its version and modules, confined; where `manifest` names no
/// path of a Python, the usual ones are tried. Error unsupported: there is none that runs.
Result<void> ask_python(const std::filesystem::path& root, Manifest& manifest);

}  // namespace labhub::coordinator::images
