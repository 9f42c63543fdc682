// Stored readings: which series there are, their newest values, and the rows of the other operations on them.
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/operations.hpp"
#include "coordinator/api/telemetry_asked.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::size_t kMaxSeries = 1'000'000;  // of one selection: more than a store holds

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
    std::optional<std::int64_t> next;
};
BOOST_DESCRIBE_STRUCT(SeriesReply, (), (series, total, next))
}  // namespace
template <>
struct MemberDocs<SeriesReply> {
    static constexpr MemberDoc list[] = {{"total", "how many are selected"},
                                         {"next", "the offset of the next page; null: this is the last"}};
};
template <>
struct MemberDocs<SeriesView> {
    static constexpr MemberDoc list[] = {
        {"id", "stays the same for as long as the store exists"},
        {"series", "node/device/metric"},
        {"device", "node/device"},
        {"unit", "UCUM symbol where there is one: V, Cel, mL/s, %; empty: none"},
        {"first", "time of the oldest sample, milliseconds of UTC since 1970; null when there is none"},
        {"last", "time of the newest sample"},
        {"count", "samples there are; 0: never heard of, or retention has deleted all of them"}};
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

/// The series of a page.
struct Part {
    std::vector<store::SeriesInfo> series;
    std::int64_t total = 0;
    std::optional<std::int64_t> next;

    std::vector<store::SeriesId> ids() const {
        std::vector<store::SeriesId> all;
        all.reserve(series.size());
        for (const auto& one : series) all.push_back(one.id);
        return all;
    }
};

Result<Part> part_of(const store::TelemetryStore& store, const telemetry::Selection& selection, ListPage page) {
    LABHUB_TRY(auto found, telemetry::find_series(store, selection, kMaxSeries));
    Part part;
    part.total = static_cast<std::int64_t>(found.size());
    const std::size_t begin = std::min(page.offset, found.size());
    const std::size_t end = begin + std::min(page.limit, found.size() - begin);
    for (std::size_t i = begin; i < end; ++i) part.series.push_back(std::move(found[i]));
    if (end < found.size()) part.next = static_cast<std::int64_t>(end);
    return part;
}

Task<Result<Part>> look_for_part(const store::TelemetryStore& store, asio::thread_pool& pool,
                                 telemetry::Selection selection, ListPage page) {
    auto look = [&store, selection = std::move(selection), page] { return part_of(store, selection, page); };
    return run_blocking(pool, std::move(look));
}

Result<http::Response> write_series(const Result<Part>& part) {
    if (!part) return part.error();
    SeriesReply reply;
    reply.total = part->total;
    reply.next = part->next;
    for (const auto& one : part->series) reply.series.push_back(view_of(one));
    return success(encode(reply));
}

Result<ListPage> page_of(const Call& call) {
    ListPage page;
    const auto most = static_cast<std::int64_t>(ListPage::kMost);
    LABHUB_TRY(const auto limit, query_integer(call, "limit", most, 1, most));
    LABHUB_TRY(const auto offset, query_integer(call, "offset", 0, 0, static_cast<std::int64_t>(kMaxSeries)));
    page.limit = static_cast<std::size_t>(limit);
    page.offset = static_cast<std::size_t>(offset);
    return page;
}

Task<Result<http::Response>> list_series(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    const auto page = page_of(call);
    if (!page) co_return page.error();
    auto answering = series_answer(services.telemetry_store, services.pool, std::move(*selection), *page);
    co_return co_await std::move(answering);
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
    std::int64_t total = 0;
    std::optional<std::int64_t> next;
};
BOOST_DESCRIBE_STRUCT(LatestReply, (), (latest, total, next))
}  // namespace
template <>
struct MemberDocs<LatestReply> {
    static constexpr MemberDoc list[] = {{"latest", "of the page's series, those that have a reading still"},
                                         {"total", "how many series are selected"},
                                         {"next", "the offset of the next page; null: this is the last"}};
};
template <>
struct MemberDocs<LatestView> {
    static constexpr MemberDoc list[] = {{"time", "when it was measured, milliseconds of UTC since 1970"},
                                         {"value", "in the unit; null when none could be had"},
                                         {"quality", "good, uncertain (its time may be wrong), bad or stale"}};
};
namespace {

using Newest = std::vector<std::pair<store::SeriesId, store::Sample>>;

http::Response write_latest(const Part& part, const Newest& newest) {
    std::map<store::SeriesId, const store::SeriesInfo*> by_id;
    for (const auto& one : part.series) by_id.emplace(one.id, &one);
    LatestReply reply;
    reply.total = part.total;
    reply.next = part.next;
    for (const auto& [id, sample] : newest) {
        const store::SeriesInfo& info = *by_id.at(id);
        reply.latest.push_back({static_cast<std::int64_t>(id), telemetry::full_name(info), info.device.to_string(),
                                info.metric, info.unit, sample.time.count, sample.value,
                                std::string(to_string(sample.quality))});
    }
    return success(encode(reply));
}

Task<Result<http::Response>> get_latest(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    const auto page = page_of(call);
    if (!page) co_return page.error();
    auto answering = latest_answer(services.telemetry_store, services.pool, std::move(*selection), *page);
    co_return co_await std::move(answering);
}

Operation list_row(std::string path, std::string id, std::string summary, boost::json::object schema) {
    Operation row =
        telemetry_row(std::move(path), std::move(id), std::move(summary),
                      selection_parameters(
                          {{"limit", "of at most so many series, 1 to 5000; 5000 when left out"},
                           {"offset", "after so many of them; 0 when left out. The reply's next is the next page's"}}));
    row.response_schema = std::move(schema);
    return row;
}

}  // namespace

Task<Result<http::Response>> series_answer(const store::TelemetryStore& store, asio::thread_pool& pool,
                                           telemetry::Selection selection, ListPage page) {
    auto work = [&store, selection = std::move(selection), page] {
        return write_series(part_of(store, selection, page));
    };
    return run_blocking(pool, std::move(work));
}

Task<Result<http::Response>> latest_answer(store::TelemetryStore& store, asio::thread_pool& pool,
                                           telemetry::Selection selection, ListPage page) {
    auto looking = look_for_part(store, pool, std::move(selection), page);
    auto part = co_await std::move(looking);
    if (!part) co_return std::move(part).error();
    auto asking = store.latest(part->ids());
    auto newest = co_await std::move(asking);
    if (!newest) co_return std::move(newest).error();
    const auto both = std::make_shared<std::pair<Part, Newest>>(std::move(*part), std::move(*newest));
    auto write = [both] { return write_latest(both->first, both->second); };
    auto writing = run_blocking(pool, std::move(write));
    http::Response response = co_await std::move(writing);
    co_return response;
}

void add_telemetry(std::vector<Operation>& list) {
    list.push_back(with_handler(
        list_row("/series", "listSeries", "Which readings are stored: series with unit, first, last and count",
                 schema<SeriesReply>()),
        &list_series));
    list.push_back(with_handler(
        list_row("/latest", "getLatest", "The newest stored reading of each series", schema<LatestReply>()),
        &get_latest));
    add_telemetry_query(list);
    add_telemetry_export(list);
    add_telemetry_stream(list);
}

}  // namespace labhub::coordinator::api
