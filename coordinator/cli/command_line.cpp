#include "coordinator/cli/command_line.hpp"

#include <CLI/CLI.hpp>

#include "coordinator/cli/alarms_grammar.hpp"
#include "coordinator/cli/experiments_grammar.hpp"
#include "coordinator/cli/images_grammar.hpp"
#include "coordinator/cli/people_grammar.hpp"
#include "coordinator/cli/reservations_grammar.hpp"
#include "coordinator/cli/telemetry_grammar.hpp"

namespace labhub::cli {
namespace {

constexpr const char* kDescription =
    "labhub: bioreactors and machines of a lab, from the command line.\n\n"
    "The hub is found by --url or LABHUB_URL (else the one `labhub up` left in ./labhub-data, else "
    "http://127.0.0.1:8700);\n"
    "the token by LABHUB_TOKEN, or the file LABHUB_TOKEN_FILE (else ./labhub-data/admin-token).";
constexpr const char* kFooter =
    "Exit status: 0 done, 1 the experiment failed or the hub refused, 2 usage, 3 can't reach the hub.";

/// Describes one command to CLI11; `fill` moves what was typed into the result if that command was chosen.
class Grammar {
  public:
    Grammar() : app_(kDescription, "labhub") {
        app_.footer(kFooter);
        app_.set_help_all_flag("--help-all", "Print the help of all commands and exit");
        app_.set_version_flag("--version", std::string("labhub ") + LABHUB_VERSION);
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.add_flag("--json", line_.is_json, "Results as JSON on standard output");
        app_.add_option("--url", line_.access.url, "Address of the hub")->type_name("URL");
        app_.add_option("--token-file", line_.access.token_file, "File the token is in")->type_name("FILE");
        add_up();
        add_run();
        experiments_.describe(app_);
        add_experiments();
        add_queue();
        add_devices();
        telemetry_.describe(app_);
        alarms_.describe(app_);
        images_.describe(app_);
        people_.describe(app_);
        reservations_.describe(app_);
    }

    Result<CommandLine> parse(int count, const char* const* arguments) {
        try {
            app_.parse(count, arguments);
        } catch (const CLI::CallForHelp&) {
            line_.text = app_.help();
        } catch (const CLI::CallForAllHelp&) {
            line_.text = app_.help("", CLI::AppFormatMode::All);
        } catch (const CLI::CallForVersion&) {
            line_.text = app_.version() + "\n";
        } catch (const CLI::ParseError& wrong) {
            const CLI::App* chosen = app_.get_subcommands().empty() ? &app_ : app_.get_subcommands().front();
            const std::string name = chosen == &app_ ? "labhub" : "labhub " + chosen->get_name();
            return Error{ErrorCode::malformed, wrong.what(), "see `" + name + " --help`"};
        }
        if (line_.text) return line_;
        for (const auto& [command, fill] : commands_)
            if (command->parsed()) fill(line_);
        if (auto experiments = experiments_.chosen())
            std::visit([this](auto& one) { line_.command = one; }, *experiments);
        if (auto telemetry = telemetry_.chosen()) line_.command = std::move(*telemetry);
        if (auto alarms = alarms_.chosen()) line_.command = std::move(*alarms);
        if (auto images = images_.chosen()) line_.command = std::move(*images);
        if (auto people = people_.chosen()) line_.command = std::move(*people);
        if (auto reservations = reservations_.chosen()) line_.command = std::move(*reservations);
        return line_;
    }

  private:
    template <class Command>
    CLI::App* add(const std::string& name, const std::string& description, Command& command) {
        CLI::App* const added = app_.add_subcommand(name, description);
        commands_.emplace_back(added, [&command](CommandLine& line) {
            if constexpr (std::is_same_v<Command, up::Settings>)
                line.up = command;
            else
                line.command = command;
        });
        return added;
    }

    void add_up() {
        CLI::App* const command =
            add("up", "Starts a whole hub for evaluation, with simulated vessels, until Ctrl-C", up_);
        command->add_option("--data", up_.data, "Folder for all state")->type_name("DIR")->capture_default_str();
        command->add_option("--port", up_.port, "TCP port of the REST API on 127.0.0.1; 0 takes a free one")
            ->capture_default_str();
        command->add_option("--simulate", up_.simulated_nodes, "How many simulated nodes")
            ->check(CLI::Range(0, 32))
            ->capture_default_str();
        command->add_option("--speed", up_.speed, "How much faster than the clock the simulated biology runs")
            ->check(CLI::Range(0.001, 10'000.0))
            ->capture_default_str();
        command->add_option("--seed", up_.seed, "Fixes the simulation's noise")->capture_default_str();
    }

    void add_run() {
        CLI::App* const command = add("run", "Runs a script on a device and fetches its results", run_);
        command->add_option("SCRIPT", run_.script, "Python script")->required()->check(CLI::ExistingFile);
        command
            ->add_option("--device", run_.devices,
                         "Which device, as node/device; default the only one. Repeated: any one of them")
            ->type_name("DEVICE")
            ->expected(1)
            ->take_all();
        command
            ->add_option("--needs", run_.needs,
                         "Metrics it must have, as ph,stirrer; then any device that has them will do")
            ->type_name("METRIC")
            ->expected(1)
            ->delimiter(',')
            ->take_all();
        command
            ->add_option("--image", run_.image, "What it runs in, as `labhub images list` names it; default the hub's")
            ->type_name("IMAGE");
        command->add_option("--time-limit", run_.time_limit, "As 90s, 15m, 1h30m; default the hub's")
            ->type_name("TIME");
        command->add_option("--memory", run_.memory, "As 512m, 2g; default the hub's")->type_name("SIZE");
        command->add_option("--cpus", run_.cpus, "How many processors")->check(CLI::PositiveNumber);
        command->add_option("--env", run_.environment, "KEY=VALUE for the script's environment; may be repeated")
            ->type_name("KEY=VALUE");
        command->add_option("--out", run_.out, "Folder for the results; default a new one named by the experiment")
            ->type_name("DIR");
        command->add_option("--id,--name", run_.id, "Name of the experiment; default one the hub makes")
            ->type_name("ID");
        command->add_flag_callback(
            "--no-queue", [this] { run_.is_queued = false; }, "Be refused, not queued, when the device is busy");
        command->add_flag("--hold", run_.is_held, "Wait until it is released by `labhub queue release`");
        command->add_option("--priority", run_.priority, "Larger goes first, whoever's it is; default 0")
            ->check(CLI::Range(-100, 100));
        command->add_option("--at", run_.at, "Not before then: 2026-02-15T18:00:00+01:00, or +2h")->type_name("TIME");
        add_setup_options(*command, run_.setup);
        CLI::Option* const dry_run = command->add_flag("--dry-run", run_.is_dry_run,
                                                       "Run it against a simulated twin of the device, in its time, "
                                                       "and tell what would go wrong; nothing real is touched");
        command->add_option("--at-most", run_.at_most, "Of a dry run: look no further, as 8h")
            ->type_name("TIME")
            ->needs(dry_run);
        command->footer("Ctrl-C leaves the experiment running; `labhub stop ID` stops it.\n" + std::string(kFooter));
    }

    void add_experiments() {
        CLI::App* const logs = add("logs", "Shows what an experiment's script printed", logs_);
        logs->add_option("ID", logs_.id, "The experiment")->required();
        logs->add_flag("-f,--follow", logs_.follow, "Go on until the experiment ends");
        logs->add_option("--tail", logs_.tail, "Only the last lines")
            ->check(CLI::Range(1, 100'000))
            ->excludes("--follow");
        CLI::App* const stop = add("stop", "Stops an experiment; its device is made safe", stop_);
        stop->add_option("ID", stop_.id, "The experiment")->required();
        CLI::App* const pause =
            add("pause", "Freezes a running experiment's script; its time limit stands still", pause_);
        pause->add_option("ID", pause_.id, "The experiment")->required();
        pause->add_flag("--safe", pause_.makes_safe,
                        "Put every actuator at its safe value; without it every setpoint stays, and pumps run on");
        pause->add_option("--reason", pause_.reason, "For those who look")->type_name("TEXT");
        CLI::App* const resume = add("resume", "Lets a paused experiment go on", resume_);
        resume->add_option("ID", resume_.id, "The experiment")->required();
        add_results();
    }

    void add_results() {
        CLI::App* const results = add("results", "Saves an experiment's results.zip", results_);
        CLI::Option* const id = results->add_option("ID", results_.id, "The experiment");
        results->add_option("-o,--output", results_.to, "File to write; default ID.zip")->type_name("FILE");
        results->add_flag("--partial", results_.is_partial, "Of one that runs: what there is so far");
        CLI::Option* const file = results->add_option("--file", results_.file, "Only this one, as --list names it");
        file->type_name("NAME");
        results->add_flag("--list", results_.is_list, "Only say which files there are")->excludes(file);
        results->require_subcommand(0, 1);
        results->fallthrough();
        CLI::App* const verify = results->add_subcommand("verify", "Checks every file of a result against its sum");
        verify->add_option("RESULT", verify_.what, "An experiment, a results.zip, or the folder of one")->required();
        const auto word = [this, results](const std::string& name, const std::string& description,
                                          StoredResultsCommand& filled) {
            CLI::App* const added = results->add_subcommand(name, description);
            commands_.emplace_back(added, [&filled](CommandLine& line) { line.command = filled; });
            return added;
        };
        word("list", "What results there are, how large, and when they go and why", results_list_);
        const auto keep = [&word](const std::string& name, const std::string& description,
                                  StoredResultsCommand& filled) {
            word(name, description, filled)
                ->add_option("ID", std::get<ResultsKeepRequest>(filled).id, "The experiment")
                ->required();
        };
        keep("pin", "Keeps a result, whatever the hub's rules say", results_pin_);
        keep("unpin", "Keeps it as the hub's rules say", results_unpin_);
        keep("keep", "Keeps it at least until somebody has downloaded it", results_keep_);
        results->callback([results, id] {
            if (results->get_subcommands().empty() && id->empty()) throw CLI::RequiredError("ID");
        });
        commands_.emplace_back(verify, [this](CommandLine& line) { line.command = verify_; });
        CLI::App* const remove =
            results->add_subcommand("rm", "Deletes an experiment's files; the record of what happened to it stays");
        remove->add_option("ID", results_remove_.id, "The experiment")->required();
        remove->add_flag("--record", results_remove_.is_all, "Delete that too: the experiment is known no more");
        commands_.emplace_back(remove, [this](CommandLine& line) { line.command = results_remove_; });
    }

    void add_queue() {
        CLI::App* const queue = app_.add_subcommand("queue", "What waits, in which order, and why");
        queue->fallthrough();
        queue->require_subcommand(0, 1);
        const auto word = [this, queue](const std::string& name, const std::string& description, QueueCommand& filled) {
            CLI::App* const added = queue->add_subcommand(name, description);
            commands_.emplace_back(added, [&filled](CommandLine& line) { line.command = filled; });
            return added;
        };
        commands_.emplace_back(queue, [](CommandLine& line) { line.command = QueueCommand{QueueListRequest{}}; });
        word("list", "The same as `labhub queue`", queue_list_);
        word("hold", "Keeps a queued experiment from starting until it is released", queue_hold_)
            ->add_option("ID", std::get<QueueHoldRequest>(queue_hold_).id, "The experiment")
            ->required();
        word("release", "Lets a held experiment start", queue_release_)
            ->add_option("ID", std::get<QueueHoldRequest>(queue_release_).id, "The experiment")
            ->required();
        word("pause", "Starts nothing more, for maintenance; what runs goes on", queue_pause_)
            ->add_option("REASON", std::get<QueuePauseRequest>(queue_pause_).reason, "For those who wait")
            ->required();
        word("resume", "Starts what waits again", queue_resume_);
        CLI::App* const events = add("events", "Shows what happened to an experiment", events_);
        events->add_option("ID", events_.id, "The experiment")->required();
        events->add_flag("-f,--follow", events_.follow, "Go on until it has ended");
        CLI::App* const note = add("note", "Notes something about an experiment, at its time", note_);
        note->add_option("ID", note_.id, "The experiment")->required();
        note->add_option("TEXT", note_.text, "What there is to say")->required();
    }

    void add_devices() {
        add("nodes", "Lists the nodes and their devices", nodes_);
        CLI::App* const read = add("read", "Shows the latest readings of a device", read_);
        read->add_option("DEVICE", read_.device, "As node/device; default the only one");
        CLI::App* const set = add("set", "Changes actuators of a device that nobody else has leased", set_);
        set->add_option("DEVICE", set_.device, "As node/device")->required();
        set->add_option("METRIC=VALUE", set_.assignments, "As stirrer=40 led=on")->required();
        CLI::App* const hold = add("hold", "Puts every actuator of a device at its safe value, at once", hold_);
        hold->add_option("DEVICE", hold_.device, "As node/device; default the only one");
    }

    CLI::App app_;
    CommandLine line_;
    std::vector<std::pair<CLI::App*, std::function<void(CommandLine&)>>> commands_;
    up::Settings up_;
    RunRequest run_;
    LogsRequest logs_;
    StopCommand stop_;
    PauseCommand pause_;
    ResumeCommand resume_;
    ResultsCommand results_;
    VerifyCommand verify_;
    ResultsRemoveCommand results_remove_;
    StoredResultsCommand results_list_{ResultsListRequest{}}, results_pin_{ResultsKeepRequest{{}, "pinned"}},
        results_unpin_{ResultsKeepRequest{{}, "usual"}}, results_keep_{ResultsKeepRequest{{}, "until_downloaded"}};
    QueueCommand queue_list_{QueueListRequest{}}, queue_hold_{QueueHoldRequest{{}, true}},
        queue_release_{QueueHoldRequest{{}, false}}, queue_pause_{QueuePauseRequest{}},
        queue_resume_{QueueResumeRequest{}};
    EventsCommand events_;
    NoteCommand note_;
    NodesCommand nodes_;
    ReadCommand read_;
    SetCommand set_;
    HoldCommand hold_;
    ExperimentsGrammar experiments_;
    TelemetryGrammar telemetry_;
    AlarmsGrammar alarms_;
    ImagesGrammar images_;
    PeopleGrammar people_;
    ReservationsGrammar reservations_;
};

}  // namespace

Result<CommandLine> parse_command_line(int count, const char* const* arguments) {
    return Grammar().parse(count, arguments);
}

}  // namespace labhub::cli
