#include "coordinator/domain/telemetry/export.hpp"

#include <algorithm>
#include <cctype>

#include "coordinator/domain/telemetry/export_zip.hpp"
#include "coordinator/domain/telemetry/query.hpp"
#include "shared/base/json.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::telemetry {
namespace {

namespace json = boost::json;

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kPageSamples = 4'096;

std::vector<ExportColumn> columns_of(const ExportRequest& request) {
    std::vector<ExportColumn> columns;
    for (const auto& series : request.series)
        columns.push_back(
            {static_cast<std::int64_t>(series.id), series.device.to_string(), series.metric, series.unit, {}, {}});
    name_columns(columns, request.has_unit_names);
    return columns;
}

std::string rows_name(const ExportRequest& request) {
    return request.format == RowFormat::csv ? "telemetry.csv" : "telemetry.jsonl";
}

json::object reading_notes(const ExportRequest& request) {
    const bool is_csv = request.format == RowFormat::csv;
    json::object notes{{"time", "RFC 3339, UTC, milliseconds; when the value was measured"}};
    if (request.origin) notes["elapsed_s"] = "seconds since " + to_rfc3339(*request.origin);
    const bool is_wide = request.layout == RowLayout::wide;
    notes["missing"] =
        std::string(is_csv ? "an empty field" : "null") + ": no value could be had" +
        (is_wide && !request.has_qualities
             ? ", or one of bad quality, not to be trusted; quality=columns and the long layout have those"
             : "");
    if (is_wide)
        notes["absent"] = is_csv ? "an empty field as well: no sample at this moment"
                                 : "the series is left out: no sample at this moment";
    if (!is_wide || request.has_qualities)
        notes["quality"] = "good, uncertain (its time may be wrong), bad (not to be trusted) or stale";
    notes["unit"] = "UCUM symbols where there is one; empty: none";
    return notes;
}

json::array describe_columns(const ExportRequest& request, const std::vector<ExportColumn>& columns,
                             const std::vector<std::uint64_t>* samples) {
    json::array described;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& column = columns[i];
        json::object one{{"column", column.name},   {"series", column.device + "/" + column.metric},
                         {"id", column.series},     {"device", column.device},
                         {"metric", column.metric}, {"unit", column.unit}};
        if (request.has_qualities) one["quality_column"] = column.quality_name;
        if (samples) one["samples"] = (*samples)[i];
        described.push_back(std::move(one));
    }
    return described;
}

}  // namespace

json::object describe_export(const ExportRequest& request) {
    json::object manifest{{"format", "labhub-telemetry"},
                          {"format_version", 1},
                          {"labhub_version", LABHUB_VERSION},
                          {"exported_at", to_rfc3339(request.now)},
                          {"from", to_rfc3339(request.range.from)},
                          {"to", to_rfc3339(request.range.to)},
                          {"file", rows_name(request)},
                          {"layout", request.layout == RowLayout::wide ? "wide" : "long"}};
    if (!request.experiment.empty()) manifest["experiment"] = request.experiment;
    manifest["reading"] = reading_notes(request);
    manifest["series"] = describe_columns(request, columns_of(request), nullptr);
    return manifest;
}

std::string export_file_name(const ExportRequest& request) {
    std::string name = request.experiment.empty() ? "telemetry" : request.experiment;
    const auto& series = request.series;
    const bool is_of_one = !series.empty() && std::all_of(series.begin(), series.end(), [&](const auto& one) {
        return one.device == series.front().device;
    });
    if (request.experiment.empty() && is_of_one)
        name = series.front().device.node.value + "-" + series.front().device.device;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
    std::string when = to_rfc3339(request.range.from).substr(0, 19);
    std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
    const std::string_view suffix = request.is_zip ? ".zip" : request.format == RowFormat::csv ? ".csv" : ".jsonl";
    return name.append("_").append(when).append("Z").append(suffix);
}

std::string export_content_type(const ExportRequest& request) {
    if (request.is_zip) return "application/zip";
    return request.format == RowFormat::csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson";
}

struct Export::State {
    State(ExportRequest request_in, store::SampleScan scan_in, asio::thread_pool& threads_in,
          std::shared_ptr<std::atomic<std::size_t>> under_way_in)
        : request(std::move(request_in)),
          writer(columns_of(request), request.format, request.layout, request.origin, request.has_qualities),
          scan(std::move(scan_in)),
          threads(threads_in),
          under_way(std::move(under_way_in)),
          samples(request.series.size()),
          moment(request.series.size()) {
        ++*under_way;
    }
    ~State() { --*under_way; }

    ExportRequest request;
    RowWriter writer;
    store::SampleScan scan;
    asio::thread_pool& threads;
    std::shared_ptr<std::atomic<std::size_t>> under_way;
    std::unique_ptr<ZipStream> zip;
    std::vector<std::uint64_t> samples;  ///< written, of each series
    std::uint64_t rows = 0;
    bool has_begun = false;
    bool has_ended = false;

    Result<void> begin(std::string& out);
    Result<void> end(std::string& out);
    /// The rows of the next page; `out` stays as it is when there are none left.
    Result<bool> page(std::string& out);

  private:
    void write_rows(const std::vector<store::ScannedSample>& page, std::string& out);

    std::vector<ExportCell> moment;
};

Result<void> Export::State::begin(std::string& out) {
    has_begun = true;
    if (request.is_zip) {
        LABHUB_TRY(zip, ZipStream::open());
        LABHUB_CHECK(zip->begin_file(rows_name(request), request.now.count / 1000));
        return zip->write(writer.header());
    }
    out += writer.header();
    return {};
}

Result<void> Export::State::end(std::string& out) {
    has_ended = true;
    if (!zip) return {};
    json::object manifest = describe_export(request);
    manifest["series"] = describe_columns(request, writer.columns(), &samples);
    manifest["rows"] = rows;
    manifest["damaged_blocks"] = scan.damaged_blocks();
    LABHUB_CHECK(zip->begin_file("manifest.json", request.now.count / 1000));
    LABHUB_CHECK(zip->write(to_pretty_json(manifest) + "\n"));
    LABHUB_CHECK(zip->finish());
    out += zip->take();
    return {};
}

void Export::State::write_rows(const std::vector<store::ScannedSample>& page, std::string& out) {
    for (std::size_t i = 0; i < page.size();) {
        const auto& [series, sample] = page[i];
        if (request.layout == RowLayout::tall) {
            writer.sample(out, sample.time, series, sample.value, sample.quality);
            ++samples[series], ++rows, ++i;
            continue;
        }
        std::fill(moment.begin(), moment.end(), ExportCell{});
        const UtcMillis time = sample.time;
        for (; i < page.size() && page[i].sample.time == time; ++i) {
            moment[page[i].series] = {&page[i].sample.value, page[i].sample.quality};
            ++samples[page[i].series];
        }
        writer.moment(out, time, moment);
        ++rows;
    }
}

Result<bool> Export::State::page(std::string& out) {
    LABHUB_TRY(const auto page, scan.next_here(kPageSamples));
    if (page.empty()) return false;
    if (!zip) {
        write_rows(page, out);
        return true;
    }
    std::string text;
    write_rows(page, text);
    LABHUB_CHECK(zip->write(text));
    if (zip->ready() >= kPieceBytes) out += zip->take();
    return true;
}

Export::Export(std::unique_ptr<State> state) : state_(std::move(state)) {}
Export::~Export() = default;

Result<std::string> Export::fill() {
    std::string out;
    if (!state_->has_begun) LABHUB_CHECK(state_->begin(out));
    while (!state_->has_ended && out.size() < kPieceBytes) {
        LABHUB_TRY(const bool is_more, state_->page(out));
        if (!is_more) LABHUB_CHECK(state_->end(out));
    }
    return out;
}

Task<Result<std::string>> Export::next(std::shared_ptr<Export> self) {
    asio::thread_pool& threads = self->state_->threads;
    auto fill = [self] { return self->fill(); };
    return run_blocking(threads, std::move(fill));
}

Result<std::shared_ptr<Export>> Exporter::open(ExportRequest request) {
    if (const std::size_t now = *under_way_; now >= kMostExports)
        return Error{ErrorCode::too_many, std::to_string(now) + " exports are under way",
                     "at most " + std::to_string(kMostExports) + " at a time; try again when one has ended"};
    std::vector<store::SeriesId> ids;
    for (const auto& series : request.series) ids.push_back(series.id);
    auto scan = store_.scan(std::move(ids), request.range.from, request.range.to);
    auto state = std::make_unique<Export::State>(std::move(request), std::move(scan), threads_, under_way_);
    return std::shared_ptr<Export>(new Export(std::move(state)));
}

}  // namespace labhub::coordinator::telemetry
