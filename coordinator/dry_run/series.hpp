#pragma once

#include <vector>

#include "coordinator/api/dry_run_report.hpp"
#include "coordinator/domain/dry_runs/findings.hpp"
#include "shared/proto/agent_rpc.pb.h"

namespace labhub::coordinator::dry_run {

/// The last state of each vial.
std::vector<api::DryRunVial> vials_of(const std::vector<rpc::TwinState>& states);

/// What a chart of a dry run shows: density, temperature and, where it changed, volume of each vial that the script
/// pumped into or out of (the first one where there is none), and what the actuators were set to; thinned.
std::vector<api::DryRunSeries> series_of(const std::vector<rpc::TwinState>& states, const dry_runs::Findings& findings,
                                         const std::vector<MetricInfo>& metrics, UtcMillis end);

}  // namespace labhub::coordinator::dry_run
