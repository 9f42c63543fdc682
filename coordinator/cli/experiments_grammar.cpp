#include "coordinator/cli/experiments_grammar.hpp"

#include <CLI/CLI.hpp>

namespace labhub::cli {

void add_setup_options(CLI::App& command, SetupRequest& setup) {
    command
        .add_option("--param", setup.params,
                    "NAME=VALUE for labhub.params: a number, true, false, any JSON, or else text; may be repeated")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    command.add_option("--params", setup.params_file, "A file with a JSON object of parameters")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
    command
        .add_option("--input", setup.inputs,
                    "A file for the script, which finds it in /app/input by its name or the one given; may be repeated")
        ->type_name("FILE[=NAME]")
        ->allow_extra_args(false);
    command.add_option("--tag", setup.tags, "A word to find it by; may be repeated")
        ->type_name("TAG")
        ->allow_extra_args(false);
    command.add_option("--note", setup.note, "What there is to say about it")->type_name("TEXT");
}

void ExperimentsGrammar::describe(CLI::App& app) {
    list_app_ = app.add_subcommand("experiments", "Lists the experiments, newest first");
    list_app_->add_option("--tag", list_.tags, "Only those with this tag; repeated: with all of them")
        ->type_name("TAG")
        ->allow_extra_args(false);
    list_app_->add_option("--status", list_.status, "Only those with this status, or one of several: running,queued")
        ->type_name("STATUS");
    list_app_->add_option("--user", list_.user, "Only those of this user")->type_name("NAME");
    list_app_->add_option("--limit", list_.limit, "The newest ones only")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    describe_rerun(app);
    tag_app_ = app.add_subcommand("tag", "Adds tags to an experiment; with a - before them they are taken away");
    tag_app_->add_option("ID", tag_.id, "The experiment")->required();
    tag_app_->add_option("--note", tag_.note, "In place of its note; empty takes that away")->type_name("TEXT");
    // "-draft" is a word here, not an option.
    tag_app_->allow_extras();
    tag_app_->fallthrough(false);
    tag_app_->callback([this] {
        for (const std::string& word : tag_app_->remaining())
            if (word.starts_with("--")) throw CLI::ValidationError(word, "is no tag; options go before `tag`");
    });
    tag_app_->footer("As in: labhub tag ID growth yeast -draft");
    compare_app_ = app.add_subcommand("compare", "Shows runs of experiments over each other, each from its beginning");
    compare_app_->add_option("A", compare_.first, "The run that is compared with")->required();
    compare_app_->add_option("B", compare_.second, "The run that is compared")->required();
    compare_app_->add_option("METRIC", compare_.metrics, "Which metrics; default those that differ most");
    compare_app_->add_flag("--table", compare_.is_table, "Figures only, of all metrics");
    compare_app_->add_option("--height", compare_.height, "Lines of each chart")->check(CLI::Range(2, 200));
}

void ExperimentsGrammar::describe_rerun(CLI::App& app) {
    rerun_app_ = app.add_subcommand(
        "rerun", "Starts an ended experiment again: same script, device, limits, parameters and input files");
    rerun_app_->add_option("ID", rerun_.again, "The experiment")->required();
    add_setup_options(*rerun_app_, rerun_.setup);
    rerun_app_->add_option("--time-limit", rerun_.time_limit, "As 90s, 15m, 1h30m; default as before")
        ->type_name("TIME");
    rerun_app_->add_option("--out", rerun_.out, "Folder for the results; default a new one named by the experiment")
        ->type_name("DIR");
    rerun_app_->add_option("--id,--name", rerun_.id, "Name of the new one; default one the hub makes")->type_name("ID");
    rerun_app_->add_option("--priority", rerun_.priority, "Larger goes first; default as before")
        ->check(CLI::Range(-100, 100));
    rerun_app_->footer(
        "Parameters that are not named stay; --param NAME=null takes one out. --input replaces all input files.");
}

std::optional<ExperimentsGrammar::Command> ExperimentsGrammar::chosen() const {
    if (list_app_->parsed()) return list_;
    if (rerun_app_->parsed()) return rerun_;
    if (compare_app_->parsed()) return compare_;
    if (!tag_app_->parsed()) return std::nullopt;
    TagCommand tag = tag_;
    tag.words = tag_app_->remaining();
    return tag;
}

}  // namespace labhub::cli
