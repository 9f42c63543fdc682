#pragma once

#include <vector>

#include <boost/json.hpp>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::jobs {

/// What experiment.json says of a job: the request, the outcome, times and versions.
boost::json::object describe_job(const Job& job);
/// Of the device's metrics: name, kind, type, unit, range and safe value.
boost::json::array describe_metrics(const std::vector<MetricInfo>& metrics);

}  // namespace labhub::coordinator::jobs
