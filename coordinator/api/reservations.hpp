#pragma once

#include <optional>

#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// A row of the list for /api/reservations and what is below it.
Operation reservation_row(std::string verb, std::string path, std::string id, std::string summary,
                          std::vector<QueryParameter> query = {});
/// What ?device= names. Error malformed.
Result<std::optional<DeviceAddress>> device_in_query(const Call& call);

void add_reservation_events(std::vector<Operation>& list);

}  // namespace labhub::coordinator::api
