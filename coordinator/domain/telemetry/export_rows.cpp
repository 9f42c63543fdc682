#include "coordinator/domain/telemetry/export_rows.hpp"

#include <array>
#include <cstdio>
#include <map>
#include <set>

#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

std::string json_text(const std::string& text) { return to_json(boost::json::value(text)); }

}  // namespace

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

void name_columns(std::vector<ExportColumn>& columns, bool with_units) {
    std::map<std::string, int> uses{{"time", 1}, {"elapsed_s", 1}};  // columns of every file
    for (const auto& column : columns) ++uses[column.metric];
    std::set<std::string> taken{"time", "elapsed_s"};
    for (auto& column : columns) {
        std::string plain = uses[column.metric] == 1 ? column.metric : column.device + "/" + column.metric;
        const auto call_it = [&] {
            column.name = with_units && !column.unit.empty() ? plain + " [" + column.unit + "]" : plain;
            column.quality_name = plain + " [quality]";
        };
        call_it();
        // A metric may be called what another one's column comes to be: "T [Cel]", "sim-1/vessel/T".
        if (taken.contains(column.name) || taken.contains(column.quality_name)) {
            plain += " #" + std::to_string(column.series);
            call_it();
        }
        taken.insert({column.name, column.quality_name});
    }
}

RowWriter::RowWriter(std::vector<ExportColumn> columns, RowFormat format, RowLayout layout,
                     std::optional<UtcMillis> origin, bool has_qualities)
    : columns_(std::move(columns)), format_(format), layout_(layout), has_qualities_(has_qualities), origin_(origin) {
    for (const auto& column : columns_) {
        if (format == RowFormat::csv) {
            prefixes_.push_back("," + csv_field(column.device) + "," + csv_field(column.metric) + ",");
            suffixes_.push_back("," + csv_field(column.unit) + ",");
        } else if (layout == RowLayout::tall) {
            prefixes_.push_back(",\"device\":" + json_text(column.device) + ",\"metric\":" + json_text(column.metric) +
                                ",\"value\":");
            suffixes_.push_back(",\"unit\":" + json_text(column.unit) + ",\"quality\":\"");
        } else {
            prefixes_.push_back("," + json_text(column.name) + ":");
            suffixes_.push_back("," + json_text(column.quality_name) + ":\"");
        }
    }
}

std::string RowWriter::header() const {
    if (format_ == RowFormat::jsonl) return {};
    std::string line = origin_ ? "time,elapsed_s" : "time";
    if (layout_ == RowLayout::tall) return line + ",device,metric,value,unit,quality\n";
    for (const auto& column : columns_) {
        line += "," + csv_field(column.name);
        if (has_qualities_) line += "," + csv_field(column.quality_name);
    }
    return line + "\n";
}

void RowWriter::begin(std::string& out, UtcMillis time) {
    const std::int64_t second = time.count / 1000;
    if (second != second_ || time.count < 0) {
        second_ = second;
        second_text_ = to_rfc3339(time).substr(0, 20);  // "2026-02-15T18:27:28."
    }
    std::array<char, 8> millis{};
    std::snprintf(millis.data(), millis.size(), "%03d", static_cast<int>(time.count % 1000));
    const bool is_json = format_ == RowFormat::jsonl;
    out.append(is_json ? "{\"time\":\"" : "").append(second_text_).append(millis.data()).append(is_json ? "Z\"" : "Z");
    if (!origin_) return;
    out.append(is_json ? ",\"elapsed_s\":" : ",");
    out.append(format_number(static_cast<double>((time - *origin_).count()) / 1000.0));
}

void RowWriter::value_text(std::string& out, const Value& value) const {
    const bool is_json = format_ == RowFormat::jsonl;
    if (std::holds_alternative<std::monostate>(value)) {
        if (is_json) out += "null";
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        out += is_json ? json_text(*text) : csv_field(*text);
    } else {
        out += labhub::to_string(value);
    }
}

void RowWriter::sample(std::string& out, UtcMillis time, std::size_t column, const Value& value, Quality quality) {
    begin(out, time);
    out += prefixes_[column];
    value_text(out, value);
    out.append(suffixes_[column]).append(to_string(quality)).append(format_ == RowFormat::jsonl ? "\"}\n" : "\n");
}

void RowWriter::moment(std::string& out, UtcMillis time, const std::vector<ExportCell>& cells) {
    static const Value kNone;
    begin(out, time);
    const bool is_json = format_ == RowFormat::jsonl;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto& [value, quality] = cells[i];
        if (is_json && !value) continue;
        if (is_json)
            out += prefixes_[i];
        else
            out += ',';
        if (value) value_text(out, has_qualities_ || quality != Quality::bad ? *value : kNone);
        if (!has_qualities_) continue;
        out += is_json ? suffixes_[i] : ",";
        if (value) out += to_string(quality);
        if (is_json) out += '"';
    }
    out += is_json ? "}\n" : "\n";
}

}  // namespace labhub::coordinator::telemetry
