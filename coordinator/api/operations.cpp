#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {

std::vector<Operation> all_operations() {
    std::vector<Operation> list;
    add_health(list);
    add_session(list);
    add_users(list);
    add_roles(list);
    add_tokens(list);
    add_quota(list);
    add_nodes(list);
    add_devices(list);
    add_hardware(list);
    add_experiments(list);
    add_inputs(list);
    add_stored_results(list);
    add_queue(list);
    add_reservations(list);
    add_containers(list);
    add_alarms(list);
    add_telemetry(list);
    add_images(list);
    add_maintenance(list);
    add_documents(list);
    return list;
}

}  // namespace labhub::coordinator::api
