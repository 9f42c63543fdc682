#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "coordinator/images/manifest.hpp"

namespace labhub::coordinator::images {

/// <data>/images: `sha256/DIGEST/` with root/, listing, manifest.json and checked; `new/` with what is being made.
std::filesystem::path image_folder(const std::filesystem::path& images, const std::string& digest);
std::filesystem::path image_root(const std::filesystem::path& images, const std::string& digest);

/// Takes the tree in `work`/root for an image, as one step: nothing else of `work` may be there. Fills in digest, files
/// and bytes. Where the same tree is an image already, that one is it and `work` goes. `work` must be on the file
/// system of `images`. Errors as the system gave them.
Result<Manifest> adopt(const std::filesystem::path& images, const std::filesystem::path& work, Manifest manifest);

/// The quick check, before each use: the listing is the one of that digest and `manifest_sum`, if any is given, the
/// manifest's; every file is there with its mode and size, none besides, and what has been touched since the last whole
/// check has its contents. Error corrupt, saying what differs; not_found when the image is gone.
Result<void> check_quickly(const std::filesystem::path& images, const std::string& digest,
                           const std::string& manifest_sum);
/// Reads every byte. The same errors. A good image is then not looked at whole again before it is touched.
Result<void> check_wholly(const std::filesystem::path& images, const std::string& digest);
/// SHA-256 of the manifest's file.
Result<std::string> manifest_sum(const std::filesystem::path& images, const std::string& digest);

/// Removes an image, as one step for whoever looks. One that isn't there is fine.
Result<void> remove_image(const std::filesystem::path& images, const std::string& digest);
/// Removes what builds that did not end have left. For when none is going on.
void clear_unfinished(const std::filesystem::path& images);
/// A new folder in images/new.
Result<std::filesystem::path> new_work_folder(const std::filesystem::path& images);

}  // namespace labhub::coordinator::images
