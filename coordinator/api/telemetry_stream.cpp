// GET /api/telemetry/stream: server-sent events (WHATWG HTML, 9.2).
#include "coordinator/api/telemetry_stream.hpp"
#include "coordinator/api/event_stream.hpp"
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/telemetry_asked.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kEventsAtOnce = 256;

std::string readings_text(const telemetry::LiveBatch::Part& part) {
    json::array readings;
    for (const ingest::Sample* const sample : part.samples) {
        const MetricInfo& metric = part.event->samples->metric(*sample);
        readings.push_back(json::object{{"metric", metric.name},
                                        {"time", sample->time.count},
                                        {"value", value_to_json(sample->value)},
                                        {"unit", metric.unit},
                                        {"quality", to_string(sample->quality)}});
    }
    const json::object data{{"device", part.event->device()}, {"readings", std::move(readings)}};
    return event_text(part.id, "readings", data);
}

std::string late_text(const telemetry::LiveBatch::Part& part) {
    UtcMillis from = part.samples.front()->time, to = from;
    json::array metrics;
    for (const ingest::Sample* const sample : part.samples) {
        from = std::min(from, sample->time);
        to = std::max(to, sample->time);
        const json::value name(part.event->samples->metric(*sample).name);
        if (metrics.empty() || metrics.back() != name) metrics.push_back(name);
    }
    const json::object data{
        {"device", part.event->device()}, {"metrics", std::move(metrics)}, {"from", from.count}, {"to", to.count}};
    return event_text(part.id, "late", data);
}

std::string missed_text(const telemetry::Missed& missed, const std::string& id) {
    json::array series;
    for (const auto& [name, gap] : missed.series)
        series.push_back(
            json::object{{"series", name}, {"readings", gap.readings}, {"from", gap.from.count}, {"to", gap.to.count}});
    const json::object data{{"reason", missed.reason},
                            {"readings", missed.readings ? json::value(*missed.readings) : json::value(nullptr)},
                            {"from", missed.from.count},
                            {"to", missed.to.count},
                            {"series", std::move(series)}};
    return event_text(id, "missed", data);
}

/// Without events a comment carries the id, so that a client that comes back later is not told that it missed what it
/// had not asked for.
class ReadingsSource final : public EventSource {
  public:
    explicit ReadingsSource(std::unique_ptr<telemetry::LiveReader> reader) : reader_(std::move(reader)) {}
    Task<Result<std::string>> take() override {
        const telemetry::LiveBatch batch = reader_->take(kEventsAtOnce);
        co_return batch.empty() ? std::string() : stream_text(batch);
    }
    Task<void> wait(std::chrono::milliseconds limit) override { return reader_->wait(limit); }
    std::string heartbeat() override { return stream_text(reader_->take(0)); }

  private:
    std::unique_ptr<telemetry::LiveReader> reader_;
};

Task<Result<http::Response>> stream_readings(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    auto named = telemetry::without_ids(services.telemetry_store, std::move(*selection));
    if (!named) co_return std::move(named).error();
    auto last_id = last_event_id(call.request);
    if (const auto query = call.request.query_value("last_event_id"); query && !last_id) last_id = *query;
    auto opened = services.live.open(std::move(*named), last_id, call.caller.principal());
    if (!opened) co_return std::move(opened).error();
    co_return event_stream(std::make_shared<ReadingsSource>(std::move(*opened)));
}

}  // namespace

std::string stream_text(const telemetry::LiveBatch& batch) {
    std::string text;
    if (batch.missed) text += missed_text(*batch.missed, batch.missed_id);
    for (const auto& part : batch.parts)
        text += part.event->samples->historical ? late_text(part) : readings_text(part);
    // An event without data is not dispatched, but its id is taken over.
    if (text.empty()) text = ": nothing new\nid: " + batch.last_id + "\n\n";
    return text;
}

void add_telemetry_stream(std::vector<Operation>& list) {
    Operation row = telemetry_row(
        "/stream", "streamTelemetry",
        "Live readings as server-sent events: 'readings' as they come; 'late', of an outage, which are in the store "
        "now; 'missed', what this client did not get, and the range a query has it of. Goes on after the event whose "
        "id comes back as Last-Event-ID",
        selection_parameters({{"last_event_id", "the same, for clients that can't set a header"}}));
    row.response_type = "text/event-stream";
    list.push_back(with_handler(std::move(row), &stream_readings));
}

}  // namespace labhub::coordinator::api
