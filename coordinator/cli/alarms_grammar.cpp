#include "coordinator/cli/alarms_grammar.hpp"

namespace labhub::cli {
namespace {

const std::vector<std::string> kSeverities{"none", "minor", "major", "invalid"};

}  // namespace

void AlarmsGrammar::describe(CLI::App& app) {
    CLI::App* const alarms = app.add_subcommand("alarms", "What is out of its limits, and what is watched");
    alarms->require_subcommand(1);
    alarms->fallthrough();
    list_app_ = alarms->add_subcommand("list", "The alarms that are active or not acknowledged");
    list_app_->add_option("--device", list_.device, "Only of this one")->type_name("DEVICE");
    list_app_->add_option("--severity", list_.severity, "At least so severe")->check(CLI::IsMember(kSeverities));
    list_app_->add_flag("--unacknowledged", list_.is_unacknowledged, "Only those nobody has acknowledged");
    history_app_ = alarms->add_subcommand("history", "What was raised, cleared and acknowledged, newest first");
    history_app_->add_option("--device", history_.device, "Only of this one")->type_name("DEVICE");
    history_app_->add_option("--metric", history_.metric, "Only of this one")->type_name("METRIC");
    history_app_->add_option("--experiment", history_.experiment, "Only what happened during it")->type_name("ID");
    history_app_->add_option("--limit", history_.limit, "At most so many")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    ack_app_ = alarms->add_subcommand("ack", "Says that you have seen an alarm");
    ack_app_->add_option("ID", ack_.ids, "The alarm, by its id or the last letters of it")->expected(0, 1'000);
    auto* const all = ack_app_->add_flag("--all", ack_.all, "Every alarm nobody has acknowledged");
    ack_app_->add_flag("--resume", ack_.resume, "The commands that it pauses go on, though it has not cleared")
        ->excludes(all);
    ack_app_->add_option("-m,--comment", ack_.comment, "What you have to say of it")->type_name("TEXT");
    rules_app_ = alarms->add_subcommand("rules", "Lists what is watched");
    describe_set(*alarms);
    remove_app_ = alarms->add_subcommand("remove", "Removes a rule");
    remove_app_->add_option("RULE", remove_.id, "The rule's id")->required();
}

void AlarmsGrammar::describe_set(CLI::App& alarms) {
    set_app_ = alarms.add_subcommand("set", "Watches a metric: makes or replaces a rule");
    set_app_->add_option("METRIC", set_.metric, "The metric, as vial_A_temp")->required();
    set_app_->add_option("--device", set_.device, "As node/device, or '*' for all; default the only one")
        ->type_name("DEVICE");
    set_app_->add_option("--id", set_.id, "The rule's name; default made of device and metric")->type_name("RULE");
    set_app_->add_option("--lowlow", set_.lowlow, "Major at or below this, in the metric's unit");
    set_app_->add_option("--low", set_.low, "Minor at or below this");
    set_app_->add_option("--high", set_.high, "Minor at or above this");
    set_app_->add_option("--highhigh", set_.highhigh, "Major at or above this");
    for (const auto& [name, target] :
         {std::pair{"--lowlow-severity", &set_.lowlow_severity}, std::pair{"--low-severity", &set_.low_severity},
          std::pair{"--high-severity", &set_.high_severity}, std::pair{"--highhigh-severity", &set_.highhigh_severity}})
        set_app_->add_option(name, *target, "Another severity for that limit")->check(CLI::IsMember(kSeverities));
    set_app_->add_option("--hysteresis", set_.hysteresis, "How far back inside a limit the value must be to clear");
    set_app_->add_option("--delay", set_.delay, "So long the condition must hold, as 30s")->type_name("TIME");
    set_app_->add_option("--no-data", set_.no_data, "No reading for so long is an alarm; 0 for never")
        ->type_name("TIME");
    set_app_->add_flag("--ignore-quality", set_.is_quality_ignored, "A reading without a usable value is no alarm");
    set_app_->add_option("--reaction", set_.reaction, "log, notify (default), pause or stop")
        ->check(CLI::IsMember({"log", "notify", "pause", "stop"}));
    set_app_->add_option("--description", set_.description, "For those who are told")->type_name("TEXT");
}

std::optional<AlarmsCommand> AlarmsGrammar::chosen() const {
    if (list_app_->parsed()) return list_;
    if (history_app_->parsed()) return history_;
    if (ack_app_->parsed()) return ack_;
    if (rules_app_->parsed()) return AlarmRulesRequest{};
    if (set_app_->parsed()) return set_;
    if (remove_app_->parsed()) return remove_;
    return std::nullopt;
}

}  // namespace labhub::cli
