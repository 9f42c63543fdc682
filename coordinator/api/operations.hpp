#pragma once

#include <vector>

#include "coordinator/api/operation.hpp"

/// The one list of operations. Each resource's file adds its own rows.
namespace labhub::coordinator::api {

void add_health(std::vector<Operation>& list);
void add_hardware(std::vector<Operation>& list);
void add_alarms(std::vector<Operation>& list);
void add_experiments(std::vector<Operation>& list);
void add_inputs(std::vector<Operation>& list);
void add_stored_results(std::vector<Operation>& list);
void add_queue(std::vector<Operation>& list);
void add_reservations(std::vector<Operation>& list);
void add_containers(std::vector<Operation>& list);
void add_telemetry(std::vector<Operation>& list);
void add_images(std::vector<Operation>& list);
void add_maintenance(std::vector<Operation>& list);
void add_session(std::vector<Operation>& list);
void add_users(std::vector<Operation>& list);
void add_roles(std::vector<Operation>& list);
void add_tokens(std::vector<Operation>& list);
void add_quota(std::vector<Operation>& list);
void add_nodes(std::vector<Operation>& list);
void add_devices(std::vector<Operation>& list);
void add_documents(std::vector<Operation>& list);

std::vector<Operation> all_operations();

/// The OpenAPI 3.1 document of these operations.
boost::json::object openapi_document(const std::vector<Operation>& list);

}  // namespace labhub::coordinator::api
