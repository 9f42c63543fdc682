#include "coordinator/cli/telemetry.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

/// Error malformed: the file's name says nothing that the hub can make.
Result<std::string> format_of(const TelemetryExportCommand& command) {
    if (!command.format.empty()) return command.format;
    if (command.to == "-") return std::string("csv");
    const std::string suffix = command.to.extension().string();
    if (suffix == ".csv" || suffix == ".jsonl" || suffix == ".zip") return suffix.substr(1);
    if (suffix == ".ndjson") return std::string("jsonl");
    if (command.to.empty()) return std::string("zip");
    return Error{ErrorCode::malformed, command.to.string() + " does not say what it shall hold",
                 "name it .csv, .jsonl or .zip, or say --format"};
}

std::string usual_name(const TelemetryExportCommand& command, const std::string& format, UtcMillis now) {
    if (!command.when.experiment.empty()) return command.when.experiment + "-telemetry." + format;
    std::string when = to_rfc3339(now).substr(0, 19);
    std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
    return "telemetry-" + when + "Z." + format;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<std::string> target_of(const TelemetryExportCommand& command, const std::string& format, UtcMillis now) {
    Pairs more{{"format", format}};
    if (command.is_long) more.emplace_back("layout", "long");
    if (command.has_quality) more.emplace_back("quality", "columns");
    if (!command.has_units) more.emplace_back("units", "none");
    LABHUB_TRY(const std::string query, telemetry_query(command.which, command.when, std::move(more), now));
    return "/api/telemetry/export" + query;
}

Task<ExitStatus> export_to_output(Context& context, std::string target) {
    http::ClientRequest request;
    request.target = std::move(target);
    request.timeout = std::chrono::minutes{1};
    http::Client::Sink sink = [&context](std::string_view piece) -> Result<void> {
        context.console.print(piece);
        return {};
    };
    auto received = co_await context.hub.receive(std::move(request), std::move(sink));
    if (!received) co_return context.give_up(received.error());
    co_return ExitStatus::done;
}

}  // namespace

Task<ExitStatus> export_telemetry(Context& context, TelemetryExportCommand command) {
    const UtcMillis now = context.clock.utc_now();
    auto format = format_of(command);
    if (!format) co_return context.give_up(format.error());
    // A range that ends now must end at the same moment in the file and in its manifest.
    if (command.when.to.empty() && command.when.experiment.empty()) command.when.to = std::to_string(now.count);
    auto target = target_of(command, *format, now);
    if (!target) co_return context.give_up(target.error());
    if (command.to == "-") co_return co_await export_to_output(context, std::move(*target));
    fs::path to = command.to;
    if (to.empty()) to = usual_name(command, *format, now);
    auto saved = co_await context.hub.download(std::move(*target), to);
    if (!saved) co_return context.give_up(saved.error());
    std::vector<fs::path> files{to};
    if (*format != "zip") {
        auto manifest = target_of(command, "manifest", now);
        if (!manifest) co_return context.give_up(manifest.error());
        fs::path beside = to;
        beside.replace_extension(".manifest.json");
        saved = co_await context.hub.download(std::move(*manifest), beside);
        if (!saved) co_return context.give_up(saved.error());
        files.push_back(std::move(beside));
    }
    json::array names;
    for (const auto& file : files) {
        std::error_code failure;
        const auto size = fs::file_size(file, failure);
        names.push_back(json::object{{"file", file.string()}, {"bytes", failure ? 0 : size}});
        if (!context.console.is_json())
            context.console.print(file.string() + "  " + std::to_string(failure ? 0 : size) + " bytes\n");
    }
    if (context.console.is_json())
        context.console.print_json(json::object{{"status", "success"}, {"files", std::move(names)}});
    co_return ExitStatus::done;
}

}  // namespace labhub::cli
