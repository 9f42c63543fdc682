#pragma once

#include <optional>

#include <CLI/CLI.hpp>

#include "coordinator/cli/reservations.hpp"

namespace labhub::cli {

/// `labhub reserve`, `unreserve` and `reservations …`, described to CLI11. Must outlive the parse.
class ReservationsGrammar {
  public:
    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<ReservationsCommand> chosen() const;

  private:
    void describe_list(CLI::App& command);

    CLI::App* reserve_app_ = nullptr;
    CLI::App* unreserve_app_ = nullptr;
    CLI::App* reservations_app_ = nullptr;
    CLI::App* week_app_ = nullptr;
    CLI::App* change_app_ = nullptr;
    CLI::App* events_app_ = nullptr;
    ReserveRequest reserve_;
    UnreserveRequest unreserve_;
    ReservationListRequest list_;
    ReservationWeekRequest week_;
    ReservationChangeRequest change_;
    ReservationEventsRequest events_;
};

}  // namespace labhub::cli
