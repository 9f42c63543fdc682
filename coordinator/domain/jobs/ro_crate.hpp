#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "coordinator/domain/jobs/archive.hpp"

namespace labhub::coordinator::jobs {

inline constexpr const char* kCrateName = "ro-crate-metadata.json";

/// The metadata of a result as an RO-Crate 1.1 (https://w3id.org/ro/crate/1.1): who ran what, with which parameters, on
/// which device, when and with what outcome, and each file with its size and SHA-256. `experiment` is what
/// experiment.json says; what it does not say is left out. Every "@id" referred to is in the graph, or a web address.
boost::json::object make_crate(const boost::json::object& experiment, const std::vector<PackedFile>& files);

/// The same for the folder of an ended job, from the experiment.json in it. Blocks.
Inventory crate_of(const std::filesystem::path& folder);

}  // namespace labhub::coordinator::jobs
