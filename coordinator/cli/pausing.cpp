#include "coordinator/cli/pausing.hpp"

#include "coordinator/cli/reply.hpp"

namespace labhub::cli {

namespace json = boost::json;

Task<ExitStatus> pause_experiment(Context& context, PauseCommand command) {
    json::object body;
    body["actuators"] = command.makes_safe ? "safe" : "hold";
    if (!command.reason.empty()) body["reason"] = command.reason;
    return ask_for(context, experiment_path(command.id) + "/pause", std::move(body));
}

Task<ExitStatus> resume_experiment(Context& context, ResumeCommand command) {
    return ask_for(context, experiment_path(command.id) + "/resume", json::object{});
}

}  // namespace labhub::cli
