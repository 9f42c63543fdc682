// Running sandboxes, as the Bioreactor Hub's clients know them: the id is the experiment's.
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct Container {
    std::string id, name, status, experiment_id, device;
    std::optional<std::int64_t> started_at;
};
BOOST_DESCRIBE_STRUCT(Container, (), (id, name, status, experiment_id, device, started_at))
struct ContainerList {
    std::vector<Container> containers;
};
BOOST_DESCRIBE_STRUCT(ContainerList, (), (containers))

Task<Result<ContainerList>> list_running(Services& services, Call, Nothing) {
    ContainerList reply;
    for (const jobs::Job* job : services.jobs.list()) {
        if (!is_active(job->status)) continue;
        Container shown;
        shown.id = shown.experiment_id = job->id.value;
        shown.name = "experiment-" + job->id.value;
        shown.status = to_string(job->status);
        shown.device = job->device_name();
        if (job->started) shown.started_at = job->started->count;
        reply.containers.push_back(std::move(shown));
    }
    co_return reply;
}

/// The experiment's own operation, under the container's path.
const Operation& experiment_operation(const std::vector<Operation>& list, std::string_view id) {
    for (const auto& operation : list)
        if (operation.id == id) return operation;
    throw std::logic_error("add_containers must come after add_experiments");
}

Operation alias(const std::vector<Operation>& list, std::string_view of, std::string path, std::string id) {
    Operation copy = experiment_operation(list, of);
    copy.path = std::move(path);
    copy.id = std::move(id);
    copy.tag = "containers";
    return copy;
}

}  // namespace

void add_containers(std::vector<Operation>& list) {
    list.push_back(with_handler(Operation{"GET",
                                          "/api/containers",
                                          "listContainers",
                                          "containers",
                                          "The sandboxes that exist now",
                                          Access::user,
                                          {},
                                          {},
                                          {},
                                          "application/json",
                                          {}},
                                &list_running));
    list.push_back(alias(list, "getLogs", "/api/containers/{id}/logs", "getContainerLogs"));
    list.push_back(alias(list, "stopExperiment", "/api/containers/{id}/stop", "stopContainer"));
}

}  // namespace labhub::coordinator::api
