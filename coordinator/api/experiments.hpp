#pragma once

#include <string>
#include <vector>

#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// Parts of add_experiments (operations.hpp).
void add_dry_runs(std::vector<Operation>& list);
void add_experiment_results(std::vector<Operation>& list);
void add_experiment_logs(std::vector<Operation>& list);
void add_experiment_labels(std::vector<Operation>& list);
void add_experiment_compare(std::vector<Operation>& list);
void add_experiment_events(std::vector<Operation>& list);
void add_experiment_pause(std::vector<Operation>& list);

/// The experiment a path names; a script may look at its own, no other. Error forbidden.
Result<JobId> job_of(const Call& call);

/// A row of "/api/experiments…" without its handler: for everybody, but for its owner where it is of one experiment.
Operation experiment_row(std::string verb, std::string path, std::string id, std::string summary,
                         std::vector<QueryParameter> query = {});

}  // namespace labhub::coordinator::api
