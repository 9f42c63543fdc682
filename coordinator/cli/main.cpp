#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "coordinator/cli/command_line.hpp"
#include "coordinator/cli/devices.hpp"
#include "coordinator/cli/nodes.hpp"
#include "coordinator/cli/results.hpp"
#include "coordinator/cli/up/evaluation.hpp"

namespace {

using namespace labhub;
using namespace labhub::cli;

/// The task that carries out what was typed; `context` outlives it.
struct Start {
    Context& context;

    Task<ExitStatus> operator()(const RunRequest& request) const { return run_script(context, request); }
    Task<ExitStatus> operator()(const ExperimentsCommand& list) const { return list_experiments(context, list); }
    Task<ExitStatus> operator()(const TagCommand& tag) const { return change_tags(context, tag); }
    Task<ExitStatus> operator()(const CompareCommand& compare) const { return compare_runs(context, compare); }
    Task<ExitStatus> operator()(const LogsRequest& logs) const { return show_logs(context, logs); }
    Task<ExitStatus> operator()(const StopCommand& stop) const { return stop_experiment(context, stop.id); }
    Task<ExitStatus> operator()(const PauseCommand& pause) const { return pause_experiment(context, pause); }
    Task<ExitStatus> operator()(const ResumeCommand& resume) const { return resume_experiment(context, resume); }
    Task<ExitStatus> operator()(const ResultsCommand& results) const {
        return results.is_list ? list_results(context, results) : save_results(context, results);
    }
    Task<ExitStatus> operator()(const StoredResultsCommand& results) const {
        return run_stored_results(context, results);
    }
    Task<ExitStatus> operator()(const ResultsRemoveCommand& remove) const {
        return remove_results(context, remove.id, remove.is_all);
    }
    Task<ExitStatus> operator()(const VerifyCommand& verify) const { return verify_results(context, verify.what); }
    Task<ExitStatus> operator()(const EventsCommand& events) const {
        return events.follow ? follow_events(context, events.id) : show_events(context, events.id);
    }
    Task<ExitStatus> operator()(const NoteCommand& note) const { return add_note(context, note.id, note.text); }
    Task<ExitStatus> operator()(const QueueCommand& queue) const { return run_queue_command(context, queue); }
    Task<ExitStatus> operator()(const NodesCommand&) const { return list_nodes(context); }
    Task<ExitStatus> operator()(const ReadCommand& read) const { return read_device(context, read.device); }
    Task<ExitStatus> operator()(const SetCommand& set) const {
        return set_device(context, set.device, set.assignments);
    }
    Task<ExitStatus> operator()(const TelemetryCommand& telemetry) const { return run_telemetry(context, telemetry); }
    Task<ExitStatus> operator()(const AlarmsCommand& alarms) const { return run_alarms(context, alarms); }
    Task<ExitStatus> operator()(const ImagesCommand& images) const { return run_images(context, images); }
    Task<ExitStatus> operator()(const PeopleCommand& people) const { return run_people(context, people); }
    Task<ExitStatus> operator()(const ReservationsCommand& reservations) const {
        return run_reservations(context, reservations);
    }
    Task<ExitStatus> operator()(const HoldCommand& hold) const { return hold_device(context, hold.device); }
};

int run_to_end(asio::io_context& io, Task<ExitStatus> task) {
    ExitStatus status = ExitStatus::interrupted;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr bug, ExitStatus ended) {
        if (bug) std::rethrow_exception(bug);
        status = ended;
        io.stop();
    });
    io.run();
    return static_cast<int>(status);
}

int ask_hub(const CommandLine& line, Console& console) {
    asio::io_context io(1);
    const auto access = find_access(with_environment(line.access));
    auto hub = access ? Hub::open(io.get_executor(), *access) : Result<Hub>(access.error());
    if (!hub) {
        console.fail(hub.error());
        return static_cast<int>(ExitStatus::usage);
    }
    SystemClock clock;
    Context context{*hub, console, clock, {}};
    asio::signal_set interrupt(io, SIGINT, SIGTERM);
    interrupt.async_wait([&](boost::system::error_code cancelled, int) {
        if (cancelled) return;
        console.live({});
        if (!context.left_behind.empty()) console.note(context.left_behind);
        io.stop();
    });
    return run_to_end(io, std::visit(Start{context}, line.command));
}

}  // namespace

int main(int count, char** arguments) {
    spdlog::set_level(spdlog::level::off);
    std::signal(SIGPIPE, SIG_IGN);
    std::setlocale(LC_CTYPE, "C.UTF-8");  // names in archives are UTF-8; libarchive gives them in the process's own set
    auto line = parse_command_line(count, arguments);
    if (!line) {
        std::cerr << "labhub: " << line.error().to_string() << "\n";
        return static_cast<int>(ExitStatus::usage);
    }
    if (line->text) {
        std::cout << *line->text;
        return static_cast<int>(ExitStatus::done);
    }
    Console console(line->is_json);
    if (line->up) {
        asio::io_context io(1);
        up::Evaluation evaluation(io, console, *line->up);
        return run_to_end(io, evaluation.run());
    }
    if (const auto* verify = std::get_if<VerifyCommand>(&line->command); verify && is_local_result(verify->what))
        return static_cast<int>(verify_local_results(console, verify->what));
    return ask_hub(*line, console);
}
