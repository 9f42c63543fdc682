// `labhub quota`
#include "coordinator/cli/people.hpp"
#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string value_of(const json::object& object, std::string_view key, bool is_size) {
    const json::value* const value = object.if_contains(key);
    if (!value) return "–";
    return is_size ? size_text(*value) : scalar_text(*value);
}

void print_quota(Context& context, const json::object& reply) {
    const json::object &has = object_of(reply, "has"), &may = object_of(reply, "may"), &by = object_of(reply, "by");
    using enum Table::Align;
    Table table({{"", left}, {"HAS", right}, {"MAY", right}, {"BY", left}});
    const auto line = [&](const std::string& what, std::string_view used, std::string_view bound) {
        const bool is_size = bound == "stored_bytes";
        table.add({what, used.empty() ? "" : value_of(has, used, is_size), value_of(may, bound, is_size),
                   text_of(by, bound)});
    };
    line("running", "running", "max_running");
    line("waiting", "queued", "max_queued");
    line("processor hours in " + text_of(may, "cpu_window"), "cpu_hours", "cpu_hours");
    line("stored results", "stored_bytes", "stored_bytes");
    line("highest priority", "", "max_priority");
    line("share of the hub", "", "weight");
    context.console.print(table.text(context.console.is_styled()));
    context.console.note(text_of(reply, "user") + ", role " + text_of(reply, "role") +
                         (flag_of(reply, "is_disabled") ? ", disabled: nothing of his is started" : ""));
}

}  // namespace

Task<ExitStatus> show_quota(Context& context, std::string user) {
    std::string target = "/api/quota";
    if (!user.empty()) target = "/api/users/" + http::percent_encode(user) + "/quota";
    auto print = [&context](const json::object& reply) { print_quota(context, reply); };
    return show_reply(context, std::move(target), std::move(print));
}

}  // namespace labhub::cli
