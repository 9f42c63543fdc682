// Stored readings: which series there are, their newest values, and the rows of the other operations on them.
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/api/telemetry_asked.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::size_t kMaxSeries = 1'000'000;  // of one selection: more than a store holds
constexpr std::int64_t kMaxListed = 5'000;     // in one answer, which is written on the main thread
constexpr std::size_t kMaxLatest = 20'000;

struct SeriesView {
    std::int64_t id = 0;
    std::string series, node, device, metric, unit;
    std::optional<std::int64_t> first, last;
    std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(SeriesView, (), (id, series, node, device, metric, unit, first, last, count))
struct SeriesReply {
    std::vector<SeriesView> series;
    std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(SeriesReply, (), (series, total))
}  // namespace
template <>
struct MemberDocs<SeriesReply> {
    static constexpr MemberDoc list[] = {{"total", "how many are selected; the rest of them come with offset"}};
};
template <>
struct MemberDocs<SeriesView> {
    static constexpr MemberDoc list[] = {
        {"id", "stays the same for as long as the store exists"},
        {"series", "node/device/metric"},
        {"device", "node/device"},
        {"unit", "UCUM symbol where there is one: V, Cel, mL/s, %; empty: none"},
        {"first", "time of the oldest sample, milliseconds of UTC since 1970; null when none was ever stored"},
        {"last", "time of the newest sample"},
        {"count", "samples ever stored, also those that retention has deleted since"}};
};
namespace {

SeriesView view_of(const store::SeriesInfo& one) {
    SeriesView shown;
    shown.id = static_cast<std::int64_t>(one.id);
    shown.series = telemetry::full_name(one);
    shown.node = one.device.node.value;
    shown.device = one.device.to_string();
    shown.metric = one.metric;
    shown.unit = one.unit;
    shown.count = static_cast<std::int64_t>(one.count);
    if (one.count == 0) return shown;
    shown.first = one.first.count;
    shown.last = one.last.count;
    return shown;
}

Task<Result<SeriesReply>> list_series(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    auto limit = query_integer(call, "limit", kMaxListed, 1, kMaxListed);
    if (!limit) co_return std::move(limit).error();
    auto offset = query_integer(call, "offset", 0, 0, static_cast<std::int64_t>(kMaxSeries));
    if (!offset) co_return std::move(offset).error();
    auto looking = series_of(services, std::move(*selection), kMaxSeries);
    auto found = co_await std::move(looking);
    if (!found) co_return std::move(found).error();
    SeriesReply reply;
    reply.total = static_cast<std::int64_t>(found->size());
    const std::int64_t end = std::min(reply.total, *offset + *limit);
    for (std::int64_t at = *offset; at < end; ++at)
        reply.series.push_back(view_of((*found)[static_cast<std::size_t>(at)]));
    co_return reply;
}

struct LatestView {
    std::int64_t id = 0;
    std::string series, device, metric, unit;
    std::int64_t time = 0;
    Value value;
    std::string quality;
};
BOOST_DESCRIBE_STRUCT(LatestView, (), (id, series, device, metric, unit, time, value, quality))
struct LatestReply {
    std::vector<LatestView> latest;
};
BOOST_DESCRIBE_STRUCT(LatestReply, (), (latest))
}  // namespace
template <>
struct MemberDocs<LatestView> {
    static constexpr MemberDoc list[] = {{"time", "when it was measured, milliseconds of UTC since 1970"},
                                         {"value", "in the unit; null when none could be had"},
                                         {"quality", "good, uncertain (its time may be wrong), bad or stale"}};
};
namespace {

Task<Result<LatestReply>> get_latest(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    auto looking = series_of(services, std::move(*selection), kMaxLatest);
    auto found = co_await std::move(looking);
    if (!found) co_return std::move(found).error();
    std::vector<store::SeriesId> ids;
    std::map<store::SeriesId, const store::SeriesInfo*> by_id;
    for (const auto& one : *found) {
        ids.push_back(one.id);
        by_id.emplace(one.id, &one);
    }
    auto newest = co_await services.telemetry_store.latest(std::move(ids));
    if (!newest) co_return std::move(newest).error();
    LatestReply reply;
    for (auto& [id, sample] : *newest) {
        const store::SeriesInfo& info = *by_id.at(id);
        reply.latest.push_back({static_cast<std::int64_t>(id), telemetry::full_name(info), info.device.to_string(),
                                info.metric, info.unit, sample.time.count, std::move(sample.value),
                                std::string(to_string(sample.quality))});
    }
    co_return reply;
}

}  // namespace

void add_telemetry(std::vector<Operation>& list) {
    list.push_back(with_handler(
        telemetry_row("/series", "listSeries", "Which readings are stored: series with unit, first, last and count",
                      selection_parameters({{"limit", "at most so many, 1 to 5000; 5000 when left out"},
                                            {"offset", "after so many of them; 0 when left out"}})),
        &list_series));
    list.push_back(with_handler(
        telemetry_row("/latest", "getLatest", "The newest stored reading of each series", selection_parameters()),
        &get_latest));
    add_telemetry_query(list);
    add_telemetry_export(list);
    add_telemetry_stream(list);
}

}  // namespace labhub::coordinator::api
