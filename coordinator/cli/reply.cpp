#include "coordinator/cli/reply.hpp"

#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {

Task<ExitStatus> show_reply(Context& context, std::string target,
                            std::function<void(const boost::json::object&)> show) {
    auto reply = co_await context.hub.get(std::move(target));
    if (!reply) co_return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        show(*reply);
    co_return ExitStatus::done;
}

Task<ExitStatus> ask_for(Context& context, std::string target, boost::json::object body) {
    auto reply = co_await context.hub.post(std::move(target), std::move(body));
    co_return tell(context, reply);
}

ExitStatus tell(Context& context, const Result<boost::json::object>& reply) {
    if (!reply) return context.give_up(reply.error());
    if (context.console.is_json())
        context.console.print_json(*reply);
    else
        context.console.note(text_of(*reply, "message"));
    return ExitStatus::done;
}

void show_table(Console& console, const Table& table, std::string_view none) {
    if (table.empty())
        console.note(none);
    else
        console.print(table.text(console.is_styled()));
}

}  // namespace labhub::cli
