#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// Which series: words that say by themselves what they are. "sim-1/vessel" is a device, "vial_*" a metric, a number or
/// what has two strokes a series. What would be taken for something else is named apart.
struct TelemetryWords {
    std::vector<std::string> words;
    std::vector<std::string> metrics{};  ///< "Inputs/A"
};
/// Of when; empty is the hub's choice. Times without a zone are the machine's own: "14:05", "2026-02-15 14:05".
struct TelemetryTimes {
    std::string experiment, from, to;
};

struct TelemetrySeriesCommand {
    TelemetryWords which;
};
struct TelemetryLatestCommand {
    TelemetryWords which;
};
struct TelemetryQueryCommand {
    TelemetryWords which;
    TelemetryTimes when;
    std::optional<unsigned> max_points;
    std::string step, aggregate;
    bool is_table = false;
    unsigned height = 0;  ///< lines of each plot; 0: as fits
};
struct TelemetryExportCommand {
    TelemetryWords which;
    TelemetryTimes when;
    std::string format;        ///< csv, jsonl or zip; empty: as the file's name says
    bool is_long = false;      ///< a row for each sample
    bool has_units = true;     ///< in the names of the columns
    bool has_quality = false;  ///< a column with the quality beside each
    std::filesystem::path to;  ///< "-": standard output; empty: a name by the experiment or the time
};
struct TelemetryStreamCommand {
    TelemetryWords which;
    std::string last_id;             ///< go on after this event
    std::optional<unsigned> events;  ///< end after so many
};
using TelemetryCommand = std::variant<TelemetrySeriesCommand, TelemetryLatestCommand, TelemetryQueryCommand,
                                      TelemetryExportCommand, TelemetryStreamCommand>;

/// `labhub telemetry …`
Task<ExitStatus> run_telemetry(Context& context, TelemetryCommand command);
Task<ExitStatus> query_telemetry(Context& context, TelemetryQueryCommand command);
Task<ExitStatus> export_telemetry(Context& context, TelemetryExportCommand command);
Task<ExitStatus> stream_telemetry(Context& context, TelemetryStreamCommand command);

/// The words and times as the hub's query: "?device=sim-1%2Fvessel&from=…", empty for none. `more` is added. Error
/// malformed: two devices.
Result<std::string> telemetry_query(const TelemetryWords& which, const TelemetryTimes& when,
                                    std::vector<std::pair<std::string, std::string>> more, UtcMillis now);
/// A time without a zone as milliseconds of UTC, taken as the machine's local time; on `now`'s day where it is a time
/// of day alone. Other texts as they are, for the hub to read.
std::string with_local_zone(const std::string& text, UtcMillis now);
/// Places across standard output; 80 where it is no terminal and COLUMNS is not set.
std::size_t output_width();

}  // namespace labhub::cli
