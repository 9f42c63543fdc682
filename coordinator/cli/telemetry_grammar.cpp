#include "coordinator/cli/telemetry_grammar.hpp"

#include <CLI/CLI.hpp>

namespace labhub::cli {
namespace {

void add_words(CLI::App& command, TelemetryWords& which) {
    command.add_option("WHICH", which.words,
                       "A device (sim-1/vessel), metrics (vial_A_temp 'vial_*'), or whole series by name or id; with * "
                       "and ? where any characters will do, and \\ before one of * ? , \\ that is meant as it is. "
                       "Default all");
    command
        .add_option("--metric", which.metrics,
                    "Metrics that a word would be mistaken for, as Inputs/A, which looks like a device")
        ->type_name("METRIC")
        ->allow_extra_args(false);
}

void add_times(CLI::App& command, TelemetryTimes& when) {
    command.add_option("--experiment", when.experiment, "Its device and its time")->type_name("ID");
    command
        .add_option("--from", when.from,
                    "As -2h, 14:05, '2026-02-15 14:05' (local time) or RFC 3339; default the experiment's start, else "
                    "-1h")
        ->type_name("TIME");
    command.add_option("--to", when.to, "Likewise; default the experiment's end, else now")->type_name("TIME");
}

}  // namespace

void TelemetryGrammar::describe(CLI::App& app) {
    CLI::App& telemetry = *app.add_subcommand("telemetry", "Stored and live readings: what there is, charts, files");
    telemetry.require_subcommand(1);
    telemetry.fallthrough();
    series_app_ = telemetry.add_subcommand("series", "Lists the stored series");
    add_words(*series_app_, series_.which);
    latest_app_ = telemetry.add_subcommand("latest", "Shows the newest stored reading of each series");
    add_words(*latest_app_, latest_.which);
    describe_query(telemetry);
    describe_export(telemetry);
    describe_stream(telemetry);
}

void TelemetryGrammar::describe_query(CLI::App& telemetry) {
    query_app_ = telemetry.add_subcommand("query", "Draws readings as charts in the terminal");
    add_words(*query_app_, query_.which);
    add_times(*query_app_, query_.when);
    auto* const step =
        query_app_->add_option("--step", query_.step, "One value for each step, as 10s, 1m, 1h")->type_name("TIME");
    query_app_->add_option("--aggregate", query_.aggregate, "Of a step: avg, min, max, last or count; default avg")
        ->needs(step)
        ->check(CLI::IsMember({"avg", "min", "max", "last", "count"}))
        ->type_name("WORD");
    query_app_->add_option("--max-points", query_.max_points, "Points of each series; default what the chart can show")
        ->excludes(step);
    query_app_->add_flag("--table", query_.is_table, "The values as a table");
    query_app_->add_option("--height", query_.height, "Lines of each chart")->check(CLI::Range(2, 200));
}

void TelemetryGrammar::describe_export(CLI::App& telemetry) {
    export_app_ = telemetry.add_subcommand("export", "Saves every reading to a file, with a manifest");
    add_words(*export_app_, export_.which);
    add_times(*export_app_, export_.when);
    export_app_
        ->add_option(
            "-o,--output", export_.to,
            "File to write, .csv, .jsonl or .zip; - is standard output. Default a .zip named by the experiment "
            "or the time. Beside a .csv or .jsonl the manifest gets a file of its own")
        ->type_name("FILE");
    export_app_->add_option("--format", export_.format, "csv, jsonl or zip, where the file's name doesn't say it")
        ->check(CLI::IsMember({"csv", "jsonl", "zip"}))
        ->type_name("WORD");
    auto* const is_long = export_app_->add_flag(
        "--long", export_.is_long, "A row for each sample, with unit and quality, instead of a column for each series");
    export_app_
        ->add_flag("--quality", export_.has_quality,
                   "A column with the quality beside each, and the values of bad quality, which are blank otherwise")
        ->excludes(is_long);
    export_app_->add_flag_callback(
        "--no-units", [this] { export_.has_units = false; }, "Columns named without the unit");
}

void TelemetryGrammar::describe_stream(CLI::App& telemetry) {
    stream_app_ = telemetry.add_subcommand("stream", "Prints live readings as they come, until Ctrl-C");
    add_words(*stream_app_, stream_.which);
    stream_app_->add_option("--last-event-id", stream_.last_id, "Go on after this event, as --json shows it")
        ->type_name("ID");
    stream_app_->add_option("-n,--events", stream_.events, "End after so many events")->check(CLI::PositiveNumber);
}

std::optional<TelemetryCommand> TelemetryGrammar::chosen() const {
    if (series_app_->parsed()) return series_;
    if (latest_app_->parsed()) return latest_;
    if (query_app_->parsed()) return query_;
    if (export_app_->parsed()) return export_;
    if (stream_app_->parsed()) return stream_;
    return std::nullopt;
}

}  // namespace labhub::cli
