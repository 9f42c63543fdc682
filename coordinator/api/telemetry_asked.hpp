#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/operation.hpp"
#include "coordinator/domain/telemetry/query.hpp"

namespace labhub::coordinator::api {

/// What the operations on readings have in common: which series, and of when.
struct TelemetryAsked {
    telemetry::Selection selection;
    telemetry::TimeRange range;
    std::string experiment;           ///< what the device and the range were taken from; empty if nothing
    std::optional<UtcMillis> origin;  ///< the experiment's start
};

/// ?series, ?device, ?metric. A script that names neither series nor device means its own device.
Result<telemetry::Selection> selection_of(const Call& call, const Services& services);

/// The same with ?experiment, ?from and ?to: an experiment gives its device and its time, from its start to its end or
/// now, where they are not named; without one the range is the last hour, or, in a script, since its own start. Errors:
/// malformed, out_of_range, not_found, conflict (the experiment has not started), forbidden (a script asks for another
/// experiment).
Result<TelemetryAsked> asked_of(const Call& call, const Services& services);

/// The series of a selection, looked for on the pool unless it names a few. Errors of telemetry::find_series.
Task<Result<std::vector<store::SeriesInfo>>> series_of(Services& services, telemetry::Selection selection,
                                                       std::size_t most);

/// Their descriptions for the document, followed by `more`.
std::vector<QueryParameter> selection_parameters(std::vector<QueryParameter> more = {});
std::vector<QueryParameter> range_parameters(std::vector<QueryParameter> more = {});

/// A row of the list of operations.
Operation telemetry_row(std::string path, std::string id, std::string summary, std::vector<QueryParameter> query);

}  // namespace labhub::coordinator::api
