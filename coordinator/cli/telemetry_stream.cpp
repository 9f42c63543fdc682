#include "coordinator/cli/event_stream.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

/// Prints events as they come.
class EventPrinter {
  public:
    EventPrinter(Context& context, std::optional<unsigned> most) : context_(context), left_(most) {}
    bool is_done() const { return left_ && *left_ == 0; }

    void print(const EventStream::Event& event) {
        if (is_done()) return;
        if (left_) --*left_;
        auto data = parse_json(event.data);
        if (!data || !data->is_object()) return;
        if (context_.console.is_json()) {
            const json::object line{{"id", event.id}, {"event", event.type}, {"data", std::move(*data)}};
            context_.console.print(to_json(line) + "\n");
        } else if (event.type == "readings") {
            print_readings(data->get_object());
        } else {
            context_.console.note(remark_of(event.type, data->get_object()));
        }
    }

  private:
    void print_readings(const json::object& data) {
        const std::string device = text_of(data, "device");
        std::string text;
        for (const json::value& each : array_of(data, "readings")) {
            if (!each.is_object()) continue;
            const json::object& reading = each.get_object();
            const json::value* const value = reading.if_contains("value");
            const std::string quality = text_of(reading, "quality");
            const std::string unit = unit_text(text_of(reading, "unit"));
            text += moment(integer_of(reading, "time").value_or(0)) + "  " + device + "  " +
                    text_of(reading, "metric") + "  " + scalar_text(value ? *value : json::value()) +
                    (unit.empty() ? "" : " " + unit) + (quality == "good" ? "" : "  (" + quality + ")") + "\n";
        }
        context_.console.print(text);
    }
    std::string moment(std::int64_t time) const {
        const std::string text = time_text(time, context_.clock.utc_now());
        return text.size() == 8 ? text + "." + std::to_string(1000 + time % 1000).substr(1) : text;
    }
    std::string remark_of(const std::string& type, const json::object& data) const {
        const std::string range = "from " + moment(integer_of(data, "from").value_or(0)) + " to " +
                                  moment(integer_of(data, "to").value_or(0));
        if (type == "late") return text_of(data, "device") + ": readings of an outage are stored now, " + range;
        const std::string count = text_of(data, "readings");
        const std::string reason = text_of(data, "reason");
        const std::string why = reason == "slow"        ? "this reader is too slow"
                                : reason == "restarted" ? "the hub was restarted"
                                                        : "the connection was away too long";
        return "missed " + (count.empty() ? "readings " : count + " readings ") + range + ": " + why +
               "; `labhub telemetry query` has them";
    }

    Context& context_;
    std::optional<unsigned> left_;
};

}  // namespace

Task<ExitStatus> stream_telemetry(Context& context, TelemetryStreamCommand command) {
    auto query = telemetry_query(command.which, {}, {}, context.clock.utc_now());
    if (!query) co_return context.give_up(query.error());
    EventPrinter printer(context, command.events);
    EventStream events;
    const std::function<void(const EventStream::Event&)> print = [&](const EventStream::Event& event) {
        printer.print(event);
    };
    Backoff backoff(std::chrono::milliseconds{200}, std::chrono::seconds{5});
    bool was_connected = false;
    while (true) {
        http::ClientRequest request;
        request.target = "/api/telemetry/stream" + *query;
        request.timeout = std::chrono::seconds{30};  // three times the hub's heartbeat
        const std::string& last = events.last_id().empty() ? command.last_id : events.last_id();
        if (!last.empty()) request.headers.emplace_back("Last-Event-ID", last);
        http::Client::Sink sink = [&](std::string_view piece) -> Result<void> {
            was_connected = true;
            backoff.reset();
            events.append(piece, print);
            if (printer.is_done()) return Error{ErrorCode::conflict, "enough"};
            return {};
        };
        auto ended = co_await context.hub.receive(std::move(request), std::move(sink));
        if (printer.is_done()) co_return ExitStatus::done;
        const bool may_return =
            !ended && (ended.error().code == ErrorCode::unavailable || ended.error().code == ErrorCode::timed_out);
        if (!ended && (!was_connected || !may_return)) co_return context.give_up(ended.error());
        events.restart();
        context.console.live("the hub is away; trying again");
        co_await sleep_for(backoff.next());
        context.console.live({});
    }
}

}  // namespace labhub::cli
