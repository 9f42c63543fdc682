#include "coordinator/cli/reservations_grammar.hpp"

namespace labhub::cli {

void ReservationsGrammar::describe(CLI::App& app) {
    reserve_app_ =
        app.add_subcommand("reserve", "Reserves a device for a time: nobody else's experiments start into it");
    reserve_app_->add_option("DEVICE", reserve_.device, "As node/device")->required();
    reserve_app_
        ->add_option("FROM", reserve_.from,
                     "As now, +2h, 14:05, '2026-02-15 14:05' (local time), or 2026-02-15T14:05:00+01:00")
        ->required();
    reserve_app_->add_option("TO|DURATION", reserve_.until, "Likewise, or how long: 90m, 2h")->required();
    reserve_app_->add_option("--note", reserve_.note, "For others")->type_name("TEXT");
    unreserve_app_ = app.add_subcommand("unreserve", "Gives a reservation up");
    unreserve_app_->add_option("ID", unreserve_.id, "The reservation")->required();

    reservations_app_ = app.add_subcommand("reservations", "Who has reserved what");
    reservations_app_->require_subcommand(0, 1);
    reservations_app_->fallthrough();
    describe_list(*reservations_app_->add_subcommand("list", "The planned and present ones (the default)"));
    week_app_ = reservations_app_->add_subcommand("week", "The calendar of a week");
    week_app_->add_option("--device", week_.device, "Only this one, as node/device")->type_name("DEVICE");
    week_app_->add_option("--from", week_.from, "Its first day, as 2026-02-15; default today")->type_name("DAY");
    change_app_ = reservations_app_->add_subcommand("change", "Moves, shortens or extends one");
    change_app_->add_option("ID", change_.id, "The reservation")->required();
    change_app_->add_option("--from", change_.from, "Its new begin; its length stays where --to isn't given")
        ->type_name("TIME");
    change_app_->add_option("--to", change_.until, "Its new end, or its length: 3h")->type_name("TIME");
    change_app_->add_option("--note", change_.note, "For others")->type_name("TEXT");
    events_app_ = reservations_app_->add_subcommand("events", "What happened to them, reminders too");
    events_app_->add_option("--device", events_.device, "Only of this one, as node/device")->type_name("DEVICE");
}

void ReservationsGrammar::describe_list(CLI::App& command) {
    command.add_option("--device", list_.device, "Only of this one, as node/device")->type_name("DEVICE");
    command.add_option("--from", list_.from, "Those that are not over then; default now")->type_name("TIME");
    command.add_option("--to", list_.to, "Those that begin before then")->type_name("TIME");
    command.add_flag("--all", list_.with_ended, "Also what was cancelled or released");
}

std::optional<ReservationsCommand> ReservationsGrammar::chosen() const {
    if (reserve_app_->parsed()) return reserve_;
    if (unreserve_app_->parsed()) return unreserve_;
    if (week_app_->parsed()) return week_;
    if (change_app_->parsed()) return change_;
    if (events_app_->parsed()) return events_;
    if (reservations_app_->parsed()) return list_;
    return std::nullopt;
}

}  // namespace labhub::cli
