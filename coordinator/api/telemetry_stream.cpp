// GET /api/telemetry/stream: server-sent events (WHATWG HTML, 9.2).
#include "coordinator/api/telemetry_stream.hpp"
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/telemetry_asked.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kHeartbeat{10};
constexpr std::size_t kEventsAtOnce = 256;
constexpr std::size_t kSendBuffer = 64 * 1024;

std::string event_text(const std::string& id, std::string_view type, const json::object& data) {
    std::string text = "id: " + id + "\nevent: ";
    return text.append(type).append("\ndata: ").append(to_json(data)).append("\n\n");
}

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

/// What is sent next: events, or after a while without any a comment that carries the id, so that a client that comes
/// back later is not told that it missed what it had not asked for.
Task<Result<std::string>> next_events(std::shared_ptr<telemetry::LiveReader> reader, std::shared_ptr<bool> has_begun) {
    if (!std::exchange(*has_begun, true)) {
        telemetry::LiveBatch first = reader->take(0);
        co_return "retry: 2000\n" + stream_text(first);
    }
    const auto heartbeat = Steady::now() + kHeartbeat;
    while (true) {
        telemetry::LiveBatch batch = reader->take(kEventsAtOnce);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(heartbeat - Steady::now());
        if (!batch.empty() || left.count() <= 0) co_return stream_text(batch);
        co_await reader->wait(left);
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
            Error gone{ErrorCode::unavailable, "the client has gone"};
            co_return gone;
        }
    }
}

Task<Result<http::Response>> stream_readings(Services& services, Call call, Nothing) {
    auto selection = selection_of(call, services);
    if (!selection) co_return std::move(selection).error();
    auto named = telemetry::without_ids(services.telemetry_store, std::move(*selection));
    if (!named) co_return std::move(named).error();
    std::optional<std::string> last_id;
    if (const auto header = call.request.header("Last-Event-ID"); header && !header->empty()) last_id = *header;
    if (const auto query = call.request.query_value("last_event_id"); query && !last_id) last_id = *query;
    auto opened = services.live.open(std::move(*named), last_id, call.caller.principal());
    if (!opened) co_return std::move(opened).error();
    std::shared_ptr<telemetry::LiveReader> reader = std::move(*opened);
    http::Response response;
    response.headers = {
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    http::StreamBody body;
    body.next = [reader, has_begun = std::make_shared<bool>(false)] { return next_events(reader, has_begun); };
    body.send_buffer = kSendBuffer;
    response.body = std::move(body);
    co_return response;
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
