#include "coordinator/cli/stored_results.hpp"

#include <array>
#include <cstdio>

#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;

std::string bytes_text(std::optional<std::int64_t> bytes) {
    if (!bytes) return "?";
    constexpr std::array<const char*, 4> kUnits{"kB", "MB", "GB", "TB"};
    double amount = static_cast<double>(*bytes) / 1e3;
    std::size_t unit = 0;
    while (amount >= 1e3 && unit + 1 < kUnits.size()) amount /= 1e3, ++unit;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), amount < 10 ? "%.1f %s" : "%.0f %s", amount, kUnits[unit]);
    return text.data();
}

void print_results(Context& context, const json::object& reply) {
    const UtcMillis now = context.clock.utc_now();
    using enum Table::Align;
    Table table({{"EXPERIMENT", left},
                 {"STATE", left},
                 {"ENDED", left},
                 {"SIZE", right},
                 {"DOWNLOADED", left},
                 {"GOES", left},
                 {"AS IT", left}});
    for (const json::object* const each : rows_of(reply, "results")) {
        const json::object& row = *each;
        const auto removed = integer_of(row, "removed_at");
        table.add({text_of(row, "experiment_id"), text_of(row, "status"), time_text(integer_of(row, "ended_at"), now),
                   removed ? "–" : bytes_text(integer_of(row, "bytes")),
                   time_text(integer_of(row, "downloaded_at"), now),
                   removed ? "went " + time_text(removed, now) : time_text(integer_of(row, "goes_at"), now),
                   text_of(row, "why")});
    }
    show_table(context.console, table, "there are no results");
    const json::object& retention = object_of(reply, "retention");
    context.console.note(text_of(retention, "results") + " results with " + bytes_text(integer_of(retention, "bytes")) +
                         "; " + bytes_text(integer_of(retention, "free_bytes")) + " of the disk are free");
    if (const std::string problem = text_of(retention, "problem"); !problem.empty()) context.console.note(problem);
}

Task<ExitStatus> list_all(Context& context) {
    json::array rows;
    while (true) {
        auto page = co_await context.hub.get("/api/results?limit=1000&offset=" + std::to_string(rows.size()));
        if (!page) co_return context.give_up(page.error());
        for (const json::value& each : array_of(*page, "results")) rows.push_back(each);
        if (integer_of(*page, "next")) continue;
        json::object all = std::move(*page);
        all["results"] = std::move(rows);
        if (context.console.is_json())
            context.console.print_json(all);
        else
            print_results(context, all);
        co_return ExitStatus::done;
    }
}

struct Carry {
    Context& context;

    Task<ExitStatus> operator()(const ResultsListRequest&) const { return list_all(context); }
    Task<ExitStatus> operator()(const ResultsKeepRequest& keep) const {
        return ask_for(context, experiment_path(keep.id) + "/keep", json::object{{"keep", keep.keep}});
    }
};

}  // namespace

Task<ExitStatus> run_stored_results(Context& context, StoredResultsCommand command) {
    auto task = std::visit(Carry{context}, command);
    co_return co_await std::move(task);
}

}  // namespace labhub::cli
