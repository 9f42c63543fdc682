#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::telemetry {

enum class RowFormat { csv, jsonl };
enum class RowLayout {
    wide,  ///< a row for each moment, a column for each series
    tall,  ///< a row for each sample
};

struct ExportColumn {
    std::int64_t series = 0;
    std::string device, metric, unit;
    std::string name;          ///< of the column
    std::string quality_name;  ///< of the one with its quality, where that is wanted
};

/// Columns named by their metric where that is unique among them, else by node/device/metric; with " [unit]" after it
/// where that is wanted and there is one. The column with the quality ends in " [quality]".
void name_columns(std::vector<ExportColumn>& columns, bool with_units);

/// What a series has at one moment.
struct ExportCell {
    const Value* value = nullptr;  ///< null: no sample then
    Quality quality = Quality::good;
};

/// Writes samples as text: CSV after RFC 4180 with one header line, or JSON Lines. Times are RFC 3339, UTC, with
/// milliseconds; what can't be had is an empty field, or null. Numbers are the shortest text that reads back the same.
class RowWriter {
  public:
    /// With an `origin` rows have a second column `elapsed_s`, seconds since then. With `has_qualities` a wide layout
    /// has a column with the quality after each series'; without it a value of bad quality is written as none, as there
    /// would be nothing to tell it by.
    RowWriter(std::vector<ExportColumn> columns, RowFormat format, RowLayout layout, std::optional<UtcMillis> origin,
              bool has_qualities = false);

    /// The line before the first row; empty for JSON Lines.
    std::string header() const;
    /// A row of the tall layout.
    void sample(std::string& out, UtcMillis time, std::size_t column, const Value& value, Quality quality);
    /// A row of the wide layout: `cells` has one entry for each column. In JSON Lines those without a sample are left
    /// out, so that null says that there was one without a value.
    void moment(std::string& out, UtcMillis time, const std::vector<ExportCell>& cells);

    const std::vector<ExportColumn>& columns() const { return columns_; }

  private:
    void begin(std::string& out, UtcMillis time);
    void value_text(std::string& out, const Value& value) const;

    std::vector<ExportColumn> columns_;
    std::vector<std::string> prefixes_;  ///< of each column: what stands before its value
    std::vector<std::string> suffixes_;
    RowFormat format_;
    RowLayout layout_;
    bool has_qualities_;
    std::optional<UtcMillis> origin_;
    std::int64_t second_ = -1;  ///< the one `second_text_` is of
    std::string second_text_;
};

/// A CSV field: quoted where it has to be.
std::string csv_field(const std::string& text);

}  // namespace labhub::coordinator::telemetry
