#include "coordinator/cli/hub_stream.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/telemetry_axis.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/json.hpp"

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
    HubStream stream{"/api/telemetry/stream" + *query, command.last_id, false};
    auto event = [&printer](const EventStream::Event& each) {
        printer.print(each);
        return !printer.is_done();
    };
    auto ended = co_await follow_stream(context, std::move(stream), std::move(event));
    co_return ended ? ExitStatus::done : context.give_up(ended.error());
}

}  // namespace labhub::cli
