#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/schema.hpp"
#include "coordinator/domain/telemetry/query.hpp"

namespace labhub::coordinator::api {

struct QuerySeries {
    std::int64_t id = 0;
    std::string series, device, metric, unit;
    std::vector<std::int64_t> times;
    std::vector<Value> values;
    std::optional<std::vector<std::string>> quality;
    std::int64_t samples = 0;
    bool downsampled = false;
    std::int64_t damaged_blocks = 0;
};
BOOST_DESCRIBE_STRUCT(QuerySeries, (),
                      (id, series, device, metric, unit, times, values, quality, samples, downsampled, damaged_blocks))
template <>
struct MemberDocs<QuerySeries> {
    static constexpr MemberDoc list[] = {
        {"series", "node/device/metric"},
        {"unit", "of the values; empty: none"},
        {"times", "of each point, milliseconds of UTC since 1970, ascending"},
        {"values", "of each point; null: no value could be had"},
        {"quality", "of each point: good, uncertain (its time may be wrong), bad or stale; null when all are good"},
        {"samples", "how many the range holds"},
        {"downsampled", "false: these are all of them"},
        {"damaged_blocks", "parts of the store that failed their check and are left out"}};
};

/// What GET /api/telemetry/query answers with, beside "status".
struct QueryReply {
    std::int64_t from = 0, to = 0;
    std::optional<std::int64_t> step_ms;
    std::optional<std::string> aggregate;
    std::vector<QuerySeries> series;
};
BOOST_DESCRIBE_STRUCT(QueryReply, (), (from, to, step_ms, aggregate, series))
template <>
struct MemberDocs<QueryReply> {
    static constexpr MemberDoc list[] = {{"from", "what was asked for, milliseconds of UTC since 1970; included"},
                                         {"to", "included"},
                                         {"step_ms", "null: points are samples themselves"}};
};

/// The reply as it is sent; decode<QueryReply> reads it.
std::string query_reply_text(const telemetry::TimeRange& range, const telemetry::Resolution& resolution,
                             const std::vector<store::SeriesInfo>& series,
                             const std::vector<store::SeriesPoints>& points);

}  // namespace labhub::coordinator::api
