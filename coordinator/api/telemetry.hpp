#pragma once

#include <vector>

#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// Parts of add_telemetry (operations.hpp).
void add_telemetry_query(std::vector<Operation>& list);
void add_telemetry_export(std::vector<Operation>& list);
void add_telemetry_stream(std::vector<Operation>& list);

}  // namespace labhub::coordinator::api
