// The part of `labhub run` that looks before it leaps: --dry-run.
#include "coordinator/cli/dry_run_text.hpp"
#include "coordinator/cli/run.hpp"
#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kPollPeriod = 250ms;

bool has_ended(const std::string& status) {
    return status == "completed" || status == "failed" || status == "stopped" || status == "timed_out";
}

std::string live_text(const json::object& experiment) {
    const std::string status = text_of(experiment, "status");
    const auto now = integer_of(experiment, "dry_run_ms"), limit = integer_of(experiment, "dry_run_limit_ms");
    if (status != "running" || !now) return "dry run " + status;
    std::string line = "dry run " + elapsed_text(static_cast<double>(*now) / 1000);
    if (limit) line += ", at most " + elapsed_text(static_cast<double>(*limit) / 1000);
    return line;
}

}  // namespace

/// Until it has ended; its output is a part of its results.
Task<Result<json::object>> Run::await_dry_run() {
    for (;;) {
        auto now = co_await experiment();
        if (!now) co_return now;
        if (has_ended(text_of(*now, "status"))) {
            context_.console.live({});
            co_return now;
        }
        context_.console.live(live_text(*now));
        co_await sleep_for(kPollPeriod);
    }
}

/// Without a report, or with an error in it, it has failed.
ExitStatus Run::tell_dry_run(const json::object& experiment, const Result<json::object>& report) const {
    if (context_.console.is_json()) {
        json::object all = experiment;
        all["results"] = request_.out.string();
        if (report) all["report"] = *report;
        context_.console.print_json(all);
    }
    if (!report) {
        const std::string message = text_of(experiment, "message");
        context_.console.note("dry run " + id_ + " " + text_of(experiment, "status") +
                              (message.empty() ? "" : ": " + message));
        return ExitStatus::failed;
    }
    DryRunTextOptions options;
    options.script = request_.script.filename().string();
    options.width = output_width();
    options.is_styled = context_.console.is_styled();
    if (!context_.console.is_json()) context_.console.print(dry_run_text(*report, options) + "\n");
    const std::string status = text_of(experiment, "status");
    const auto errors = integer_of(*report, "errors").value_or(0);
    context_.console.note(text_of(experiment, "message"));
    context_.console.note(
        std::to_string(files_.size()) + " files in " + request_.out.string() +
        ": every command in commands.csv, every reading in telemetry.csv, what it printed in stdout.txt");
    return errors == 0 && status == "completed" ? ExitStatus::done : ExitStatus::failed;
}

Task<ExitStatus> Run::execute_dry_run() {
    auto ended = co_await await_dry_run();
    if (!ended) {
        const ExitStatus status = context_.give_up(ended.error());
        context_.console.note(context_.left_behind);
        co_return status;
    }
    auto fetched = co_await fetch();
    if (!fetched) co_return context_.give_up(fetched.error());
    auto reply = co_await context_.hub.get(experiment_path(id_) + "/dry-run");
    auto report = reply;
    if (reply) report = object_of(*reply, "dry_run");
    co_return tell_dry_run(*ended, report);
}

}  // namespace labhub::cli
