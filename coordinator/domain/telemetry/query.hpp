#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/domain/telemetry/query_selection.hpp"
#include "coordinator/domain/telemetry/query_time.hpp"
#include "coordinator/store/telemetry/telemetry_store.hpp"

namespace labhub::coordinator::telemetry {

inline constexpr std::size_t kMaxQuerySeries = 500;
inline constexpr std::size_t kMinPoints = 2;           ///< the least and the greatest of a range
inline constexpr std::size_t kMaxPoints = 20'000;      ///< of one series
inline constexpr std::size_t kMaxAllPoints = 500'000;  ///< of all series of one answer together

/// "avg", "min", "max", "last" or "count". Error malformed.
Result<store::Aggregate> parse_aggregate(std::string_view text);
std::string_view to_string(store::Aggregate aggregate);

/// How an answer's points are made: at most `max_points` of a series' own samples, or, with `step`, one value for each.
struct Resolution {
    std::size_t max_points = 1'000;
    std::optional<std::chrono::milliseconds> step;
    store::Aggregate aggregate = store::Aggregate::average;
};

/// The series of a selection. Those named one by one come in the order named, others by name; those of which nothing
/// has ever been stored only where they are named. Errors: not_found with near names, malformed, too_many (more than
/// `most`). Looks at every series there is: not for the main thread.
Result<std::vector<store::SeriesInfo>> find_series(const store::TelemetryStore& store, const Selection& selection,
                                                   std::size_t most);
/// The same where every series is named, which takes no looking; nothing where it does.
std::optional<Result<std::vector<store::SeriesInfo>>> find_named(const store::TelemetryStore& store,
                                                                 const Selection& selection, std::size_t most);
/// The selection with ids replaced by names, for the live stream, which knows no ids. Error not_found.
Result<Selection> without_ids(const store::TelemetryStore& store, Selection selection);

/// The question for the store. Errors out_of_range: max_points, a step of no length or one that makes too many points;
/// too_large: too many points in all.
Result<store::SeriesQuery> question_of(const std::vector<store::SeriesInfo>& series, const TimeRange& range,
                                       const Resolution& resolution);

/// "sim-1/vessel/vial_A_temp"
std::string full_name(const store::SeriesInfo& series);

}  // namespace labhub::coordinator::telemetry
