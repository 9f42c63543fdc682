#pragma once

#include <optional>

#include "coordinator/cli/telemetry.hpp"

namespace CLI {
class App;
}

namespace labhub::cli {

/// `labhub telemetry …` as CLI11 reads it. Outlives the application it describes itself to.
class TelemetryGrammar {
  public:
    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<TelemetryCommand> chosen() const;

  private:
    void describe_query(CLI::App& telemetry);
    void describe_export(CLI::App& telemetry);
    void describe_stream(CLI::App& telemetry);

    CLI::App* series_app_ = nullptr;
    CLI::App* latest_app_ = nullptr;
    CLI::App* query_app_ = nullptr;
    CLI::App* export_app_ = nullptr;
    CLI::App* stream_app_ = nullptr;
    TelemetrySeriesCommand series_;
    TelemetryLatestCommand latest_;
    TelemetryQueryCommand query_;
    TelemetryExportCommand export_;
    TelemetryStreamCommand stream_;
};

}  // namespace labhub::cli
