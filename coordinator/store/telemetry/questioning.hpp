#pragma once

#include <vector>

#include "coordinator/store/telemetry/reading.hpp"

namespace labhub::coordinator::store::telemetry {

/// Answers a question (TelemetryStore::query) on the calling thread.
Result<std::vector<SeriesPoints>> answer(const Sources& sources, const SeriesQuery& question,
                                         Steady::time_point deadline);

}  // namespace labhub::coordinator::store::telemetry
