#include "coordinator/cli/nodes.hpp"

#include "coordinator/cli/devices.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string devices_text(const json::object& node, UtcMillis now) {
    std::string all;
    for (const json::value& each : array_of(node, "devices")) {
        if (!each.is_object()) continue;
        const json::object& device = each.get_object();
        const json::value* const connected = device.if_contains("connected");
        const bool is_away = connected && connected->is_bool() && !connected->get_bool();
        all += (all.empty() ? "" : ", ") + text_of(device, "device") +
               (is_away ? " (not connected)" : " (" + lease_text(device, now) + ")");
    }
    return all;
}

/// "33 rows (30 of readings, 2 of changes of state, 1 of alarms)"
std::string dropped_text(const json::object& spool) {
    constexpr std::pair<const char*, const char*> kClasses[] = {{"dropped_readings", " of readings"},
                                                                {"dropped_state_changes", " of changes of state"},
                                                                {"dropped_alarms", " of alarms"}};
    std::string parts;
    for (const auto& [key, what] : kClasses)
        if (const auto count = integer_of(spool, key).value_or(0); count > 0)
            parts += (parts.empty() ? "" : ", ") + std::to_string(count) + what;
    return text_of(spool, "dropped") + " rows" + (parts.empty() ? "" : " (" + parts + ")");
}

std::string spool_text(const json::object& node) {
    const json::object& spool = object_of(node, "spool");
    if (spool.empty()) return "–";
    if (!text_of(spool, "problem").empty()) return "failing";
    return text_of(spool, "rows") + (integer_of(spool, "dropped").value_or(0) > 0 ? " (dropped)" : "");
}

std::string clock_text(const json::object& node) {
    const std::string state = text_of(object_of(node, "clock"), "state");
    return state.empty() ? "–" : state;
}

void print_nodes(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"NODE", left},
                 {"STATE", left},
                 {"LINK", left},
                 {"SEEN", right},
                 {"SPOOL", right},
                 {"CLOCK", left},
                 {"VERSION", left},
                 {"DEVICES", left}});
    std::vector<std::string> warnings;
    for (const json::object* const each : rows_of(reply, "nodes")) {
        const json::object& node = *each;
        const std::string reason = text_of(node, "reason");
        table.add({text_of(node, "node"), text_of(node, "state") + (reason.empty() ? "" : " (" + reason + ")"),
                   text_of(node, "link"), age_text(integer_of(node, "last_seen"), now), spool_text(node),
                   clock_text(node), text_of(node, "version"), devices_text(node, now)});
        for (std::string& warning : node_warnings(node, now)) warnings.push_back(std::move(warning));
    }
    show_table(context.console, table, "no node is enrolled");
    if (const std::string problem = text_of(object_of(reply, "enrolment"), "problem"); !problem.empty())
        warnings.push_back("the list of nodes is as it was, as the file has a mistake: " + problem);
    for (const std::string& warning : warnings) context.console.note(warning);
}

}  // namespace

std::vector<std::string> node_warnings(const json::object& node, UtcMillis now) {
    const std::string name = "node " + text_of(node, "node") + ": ";
    const json::object& spool = object_of(node, "spool");
    std::vector<std::string> warnings;
    if (const std::string problem = text_of(spool, "problem"); !problem.empty())
        warnings.push_back(
            name + "its readings are in memory only until they are stored here, as its spool fails: " + problem);
    if (integer_of(spool, "dropped").value_or(0) > 0) {
        const auto when = integer_of(spool, "dropped_at");
        warnings.push_back(name + "its spool had no room for " + dropped_text(spool) + " since its agent's start" +
                           (when ? ", the last " + age_text(when, now) + " ago" : ""));
    }
    if (integer_of(spool, "replaced").value_or(0) > 0)
        warnings.push_back(name + "its spool was damaged and begun anew");
    if (flag_of(node, "leaving"))
        warnings.push_back(name + "not listed any more, and let go as soon as its devices are free");
    return warnings;
}

Task<ExitStatus> list_nodes(Context& context) {
    auto print = [&context](const json::object& reply) { print_nodes(context, reply); };
    return show_reply(context, "/api/nodes", std::move(print));
}

}  // namespace labhub::cli
