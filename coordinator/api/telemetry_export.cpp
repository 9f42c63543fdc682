// GET /api/telemetry/export
#include "coordinator/api/telemetry.hpp"
#include "coordinator/api/telemetry_asked.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

/// One of the words, the first when the parameter is left out. Error malformed naming them.
Result<std::string> choice_of(const Call& call, std::string_view name, const std::vector<std::string>& choices) {
    const auto text = call.request.query_value(name);
    if (!text) return choices.front();
    std::string known;
    for (const auto& choice : choices) {
        if (choice == *text) return choice;
        known += (known.empty() ? "" : ", ") + choice;
    }
    return Error{ErrorCode::malformed, "?" + std::string(name) + "=" + printable(*text, 40) + " is not known",
                 "one of " + known};
}

Result<telemetry::ExportRequest> request_of(const Call& call, const Services& services, const std::string& format,
                                            TelemetryAsked asked) {
    LABHUB_TRY(const auto layout, choice_of(call, "layout", {"wide", "long"}));
    LABHUB_TRY(const auto units, choice_of(call, "units", {"header", "none"}));
    LABHUB_TRY(const auto rows, choice_of(call, "rows", {"csv", "jsonl"}));
    LABHUB_TRY(const auto quality, choice_of(call, "quality", {"none", "columns"}));
    if (quality == "columns" && layout == "long")
        return Error{ErrorCode::malformed, "quality=columns goes with layout=wide only",
                     "the long layout says each sample's quality by itself"};
    if (call.request.query_value("rows") && format != "zip" && format != "manifest")
        return Error{ErrorCode::malformed, "rows= goes with format=zip only", "format=csv or format=jsonl by itself"};
    telemetry::ExportRequest request;
    request.range = asked.range;
    request.format = format == "jsonl" || rows == "jsonl" ? telemetry::RowFormat::jsonl : telemetry::RowFormat::csv;
    request.layout = layout == "wide" ? telemetry::RowLayout::wide : telemetry::RowLayout::tall;
    request.is_zip = format == "zip";
    request.has_unit_names = units == "header";
    request.has_qualities = quality == "columns";
    request.experiment = std::move(asked.experiment);
    request.origin = asked.origin;
    request.now = services.clock.utc_now();
    return request;
}

Task<Result<http::Response>> describe_on_pool(asio::thread_pool& pool, telemetry::ExportRequest request) {
    const auto shared = std::make_shared<telemetry::ExportRequest>(std::move(request));
    auto describe = [shared]() -> Result<http::Response> {
        std::string text = to_pretty_json(telemetry::describe_export(*shared)) + "\n";
        return http::text_response(200, "application/json", std::move(text));
    };
    return run_blocking(pool, std::move(describe));
}

Task<Result<http::Response>> export_readings(Services& services, Call call, Nothing) {
    auto format = choice_of(call, "format", {"csv", "jsonl", "zip", "manifest"});
    if (!format) co_return std::move(format).error();
    auto asked = asked_of(call, services);
    if (!asked) co_return std::move(asked).error();
    telemetry::Selection selection = std::move(asked->selection);
    auto request = request_of(call, services, *format, std::move(*asked));
    if (!request) co_return std::move(request).error();
    auto looking = series_of(services, std::move(selection), telemetry::kMaxExportSeries);
    auto series = co_await std::move(looking);
    if (!series) co_return std::move(series).error();
    request->series = std::move(*series);
    if (*format == "manifest") {
        auto describing = describe_on_pool(services.pool, std::move(*request));
        co_return co_await std::move(describing);
    }
    http::Response response;
    response.headers = {
        {"Content-Type", telemetry::export_content_type(*request)},
        {"Content-Disposition", "attachment; filename=\"" + telemetry::export_file_name(*request) + "\""}};
    auto opened = services.exporter.open(std::move(*request));
    if (!opened) co_return std::move(opened).error();
    http::StreamBody body;
    body.next = [file = std::move(*opened)] { return telemetry::Export::next(file); };
    response.body = std::move(body);
    co_return response;
}

}  // namespace

void add_telemetry_export(std::vector<Operation>& list) {
    Operation row = telemetry_row(
        "/export", "exportTelemetry",
        "Every reading of a range of time as a file, of any length: it is made while it is sent",
        range_parameters(
            {{"format",
              "csv (when left out): RFC 4180, one header line; jsonl: an object on each line; zip: telemetry.csv with "
              "manifest.json, which says where the rows come from, each column's unit, and how many samples it has; "
              "manifest: what is known of that beforehand, by itself"},
             {"layout",
              "wide (when left out): a row for each moment, a column for each series; long: a row for each "
              "sample, with its unit and quality"},
             {"units",
              "header (when left out): the wide layout's columns are named as 'vial_A_temp [Cel]'; none: "
              "without the unit"},
             {"quality",
              "none (when left out): values of bad quality are left blank in the wide layout; columns: they are there, "
              "and beside each column of the wide layout one, 'vial_A_temp [quality]', says good, uncertain, bad or "
              "stale"},
             {"rows", "with format=zip: csv (when left out) or jsonl"}}));
    row.response_type = "text/csv";
    list.push_back(with_handler(std::move(row), &export_readings));
}

}  // namespace labhub::coordinator::api
