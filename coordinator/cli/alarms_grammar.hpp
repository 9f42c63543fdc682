#pragma once

#include <optional>

#include <CLI/CLI.hpp>

#include "coordinator/cli/alarms.hpp"

namespace labhub::cli {

/// `labhub alarms …`, described to CLI11. Must outlive the parse.
class AlarmsGrammar {
  public:
    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<AlarmsCommand> chosen() const;

  private:
    void describe_set(CLI::App& alarms);

    CLI::App* list_app_ = nullptr;
    CLI::App* history_app_ = nullptr;
    CLI::App* ack_app_ = nullptr;
    CLI::App* rules_app_ = nullptr;
    CLI::App* set_app_ = nullptr;
    CLI::App* remove_app_ = nullptr;
    AlarmListRequest list_;
    AlarmHistoryRequest history_;
    AlarmAckRequest ack_;
    AlarmSetRequest set_;
    AlarmRemoveRequest remove_;
};

}  // namespace labhub::cli
