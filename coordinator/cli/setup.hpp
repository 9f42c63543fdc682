#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// What a script is given and found by, as typed behind `labhub run` and `labhub rerun`.
struct SetupRequest {
    std::vector<std::string> params;    ///< "setpoint=0.6": JSON where it is some, else text
    std::filesystem::path params_file;  ///< a JSON object, over which `params` go; empty: none
    std::vector<std::string> inputs;    ///< "data.csv", or "data.csv=name"
    std::vector<std::string> tags;
    std::string note;
};

/// The parameters of both together. Error malformed: what isn't NAME=VALUE, or no JSON object.
Result<boost::json::object> params_of(const SetupRequest& setup);

/// A file here, and its name for the script.
struct LocalInput {
    std::filesystem::path path;
    std::string name;
};
/// "runs/a.csv=data.csv" → data.csv; without a name that of the file. A file whose own name has a '=' in it is taken
/// for what it is where it exists. Error not_found.
Result<LocalInput> local_input(const std::string& typed);

/// Puts all of it into the `config` of an experiment; sends files that the hub hasn't got. Errors as the hub's.
Task<Result<void>> set_up(Context& context, SetupRequest setup, boost::json::object* config);

}  // namespace labhub::cli
