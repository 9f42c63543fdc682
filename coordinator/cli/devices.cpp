#include "coordinator/cli/devices.hpp"

#include "coordinator/cli/setpoints.hpp"
#include "coordinator/cli/table.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

/// DEVICE as given, or the only one the hub knows.
Task<Result<std::string>> settle_device(Context& context, std::string device) {
    if (!device.empty()) co_return device;
    auto reply = co_await context.hub.get("/api/devices");
    if (!reply) {
        Error error = reply.error();
        co_return error;
    }
    const json::array& devices = array_of(*reply, "devices");
    std::string names;
    for (const json::value& each : devices)
        if (each.is_object()) names += (names.empty() ? "" : ", ") + text_of(each.get_object(), "device");
    if (devices.size() == 1) co_return names;
    Error error{ErrorCode::conflict, devices.empty() ? "the hub knows no device" : "there is more than one device",
                devices.empty() ? "is a node enrolled and online? see `labhub nodes`" : "name one of: " + names};
    co_return error;
}

std::string range_of(const json::object& metric) {
    const std::string minimum = text_of(metric, "minimum");
    const std::string maximum = text_of(metric, "maximum");
    if (!minimum.empty() && !maximum.empty()) return minimum + "…" + maximum;
    if (!minimum.empty()) return "≥ " + minimum;
    return maximum.empty() ? "" : "≤ " + maximum;
}

Table table_of_metrics(const json::object& device, UtcMillis now) {
    using enum Table::Align;
    Table table({{"METRIC", left},
                 {"VALUE", right},
                 {"UNIT", left},
                 {"QUALITY", left},
                 {"AGE", right},
                 {"KIND", left},
                 {"RANGE", left}});
    for (const json::value& each : array_of(device, "metrics")) {
        if (!each.is_object()) continue;
        const json::object& metric = each.get_object();
        const json::value* const value = metric.if_contains("value");
        table.add({text_of(metric, "name"), scalar_text(value ? *value : json::value()), text_of(metric, "unit"),
                   text_of(metric, "quality"), age_text(integer_of(metric, "time"), now), text_of(metric, "kind"),
                   range_of(metric)});
    }
    return table;
}

ExitStatus show_applied(Context& context, const json::object& reply) {
    if (context.console.is_json()) {
        context.console.print_json(reply);
        return ExitStatus::done;
    }
    Table table({{"METRIC", Table::Align::left}, {"APPLIED", Table::Align::right}});
    for (const json::value& each : array_of(reply, "applied")) {
        if (!each.is_object()) continue;
        const json::object& reading = each.get_object();
        const json::value* const value = reading.if_contains("value");
        const std::string name = text_of(reading, "metric");
        table.add({name.empty() ? text_of(reading, "name") : name, scalar_text(value ? *value : json::value())});
    }
    context.console.print(table.text(context.console.is_styled()));
    return ExitStatus::done;
}

}  // namespace

std::string lease_text(const json::object& device, UtcMillis now) {
    const json::object& lease = object_of(device, "lease");
    if (lease.empty()) return "free";
    return "leased by " + text_of(lease, "holder") + " until " + time_text(integer_of(lease, "expires_at"), now);
}

Task<ExitStatus> read_device(Context& context, std::string device) {
    auto settled = co_await settle_device(context, std::move(device));
    if (!settled) co_return context.give_up(settled.error());
    const auto path = device_path(*settled);
    if (!path) co_return context.give_up(path.error());
    auto reply = co_await context.hub.get(*path);
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return ExitStatus::done;
    }
    const json::object& found = object_of(*reply, "device");
    const UtcMillis now = context.clock.utc_now();
    context.console.print(text_of(found, "device") + ": " + text_of(found, "state") + ", " + lease_text(found, now) +
                          "\n\n");
    context.console.print(table_of_metrics(found, now).text(context.console.is_styled()));
    co_return ExitStatus::done;
}

Task<ExitStatus> set_device(Context& context, std::string device, std::vector<std::string> assignments) {
    const auto path = device_path(device);
    if (!path) co_return context.give_up(path.error());
    auto known = co_await context.hub.get(*path);
    if (!known) co_return context.give_up(known.error());
    auto values = setpoints_of(object_of(*known, "device"), assignments);
    if (!values) co_return context.give_up(values.error());
    json::object body;
    body["values"] = std::move(*values);
    auto reply = co_await context.hub.post(*path + "/set", std::move(body));
    if (!reply) co_return context.give_up(reply.error());
    co_return show_applied(context, *reply);
}

Task<ExitStatus> hold_device(Context& context, std::string device) {
    auto settled = co_await settle_device(context, std::move(device));
    if (!settled) co_return context.give_up(settled.error());
    const auto path = device_path(*settled);
    if (!path) co_return context.give_up(path.error());
    json::object body;
    body["reason"] = "asked for on the command line";
    auto reply = co_await context.hub.post(*path + "/hold", std::move(body));
    if (!reply) co_return context.give_up(reply.error());
    co_return show_applied(context, *reply);
}

}  // namespace labhub::cli
