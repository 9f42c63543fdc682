#pragma once

#include <string>
#include <vector>

#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// Part of add_alarms (operations.hpp).
void add_alarm_rules(std::vector<Operation>& list);

/// A row of "/api/alarms…" without its handler.
Operation alarm_row(std::string verb, std::string path, std::string id, std::string summary, Access access,
                    std::vector<QueryParameter> query = {});

}  // namespace labhub::coordinator::api
