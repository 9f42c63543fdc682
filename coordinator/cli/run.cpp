#include "coordinator/cli/run.hpp"

#include <set>

#include "coordinator/cli/text_of.hpp"
#include "coordinator/cli/unpack.hpp"
#include "shared/base/files.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::size_t kMostScriptBytes = 1u << 20;
constexpr auto kLivePeriod = 1s;

}  // namespace

std::string key_readings(const json::object& device) {
    std::set<std::string> units;
    std::string line;
    for (const bool of_sensors : {true, false}) {
        for (const json::value& each : array_of(device, "metrics")) {
            if (!each.is_object()) continue;
            const json::object& metric = each.get_object();
            const json::value* const value = metric.if_contains("value");
            if (!value || value->is_null() || value->is_structured()) continue;
            const bool is_sensor = text_of(metric, "kind") == "sensor";
            const bool is_wanted = is_sensor
                                       ? units.insert(text_of(metric, "unit")).second
                                       : scalar_text(*value) != text_of(metric, "safe_value") && !value->is_string();
            if (is_sensor != of_sensors || !is_wanted) continue;
            const std::string unit = text_of(metric, "unit");
            line += (line.empty() ? "" : "   ") + text_of(metric, "name") + " " + scalar_text(*value) +
                    (unit.empty() ? "" : " " + unit);
        }
    }
    return line;
}

void Run::set_device(json::object& config) const {
    const auto& devices = request_.devices;
    if (request_.needs.empty() && devices.size() < 2) {
        if (!devices.empty()) config["device"] = devices.front();
        return;
    }
    json::object needs;
    if (!devices.empty()) needs["device"] = json::array(devices.begin(), devices.end());
    if (!request_.needs.empty()) needs["metrics"] = json::array(request_.needs.begin(), request_.needs.end());
    config["needs"] = std::move(needs);
}

Result<json::object> Run::config() const {
    json::object config;
    set_device(config);
    if (!request_.image.empty()) config["image"] = request_.image;
    if (!request_.time_limit.empty()) config["time_limit"] = request_.time_limit;
    if (!request_.memory.empty()) config["memory"] = request_.memory;
    if (request_.cpus) config["cpus"] = *request_.cpus;
    if (!request_.is_queued) config["queue"] = false;
    if (request_.is_held) config["hold"] = true;
    if (request_.priority) config["priority"] = *request_.priority;
    if (!request_.at.empty()) config["run_at"] = request_.at;
    if (request_.is_dry_run) config["dry_run"] = true;
    if (!request_.at_most.empty()) config["at_most"] = request_.at_most;
    json::object environment;
    for (const std::string& pair : request_.environment) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string::npos || equals == 0)
            return Error{ErrorCode::malformed, "'" + pair + "' is no environment variable", "write KEY=VALUE"};
        environment[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    if (!environment.empty()) config["environment"] = std::move(environment);
    return config;
}

Task<Result<json::object>> Run::start_body() {
    json::object body;
    if (request_.again.empty()) {
        auto script = read_file(request_.script, kMostScriptBytes);
        if (!script) co_return std::move(script).error();
        body["script_content"] = std::move(*script);
    }
    auto made = config();
    if (!made) co_return made;
    auto set = co_await set_up(context_, request_.setup, &*made);
    if (!set) co_return std::move(set).error();
    if (!request_.id.empty()) body["experiment_id"] = request_.id;
    if (!made->empty()) body["config"] = std::move(*made);
    co_return body;
}

Task<Result<void>> Run::start() {
    auto body = co_await start_body();
    if (!body) {
        Error error = body.error();
        co_return error;
    }
    const std::string target =
        request_.again.empty() ? "/api/experiments/start" : experiment_path(request_.again) + "/restart";
    auto reply = co_await context_.hub.post(target, std::move(*body));
    if (!reply) {
        Error error = reply.error();
        co_return error;
    }
    id_ = text_of(*reply, "experiment_id");
    const std::string what = request_.is_dry_run ? "dry run " : "experiment ";
    context_.left_behind =
        what + id_ + " goes on: `labhub logs " + id_ + " -f` follows it, `labhub stop " + id_ + "` stops it";
    context_.console.note(what + id_ + " started");
    co_return Result<void>();
}

Task<Result<json::object>> Run::experiment() {
    auto reply = co_await context_.hub.get(experiment_path(id_) + "/status");
    if (!reply) {
        Error error = reply.error();
        co_return error;
    }
    co_return object_of(*reply, "experiment");
}

Task<void> Run::show_live() {
    if (!context_.console.has_live_line() || context_.clock.steady_now() < next_live_) co_return;
    next_live_ = context_.clock.steady_now() + kLivePeriod;
    auto now = co_await experiment();
    if (!now) co_return;
    const std::string device = text_of(*now, "device");
    const std::string span =
        span_text(integer_of(*now, "started_at"), integer_of(*now, "ended_at"), context_.clock.utc_now());
    std::string line = (flag_of(*now, "is_paused") ? "paused" : text_of(*now, "status")) + " " + span;
    if (const auto path = device_path(device)) {
        auto reply = co_await context_.hub.get(*path);
        if (reply) line += "   " + key_readings(object_of(*reply, "device"));
    }
    context_.console.live(std::move(line));
}

Task<Result<void>> Run::follow() {
    LogFollower follower(context_, id_, context_.console.is_json());
    Backoff backoff(500ms, 5s);
    std::optional<Steady::time_point> away_since;
    for (;;) {
        auto polled = co_await follower.poll();
        if (polled) {
            if (away_since) context_.console.note("the hub is back");
            away_since.reset();
            backoff.reset();
            if (*polled == LogFollower::State::ended) break;
            co_await show_live();
            if (*polled == LogFollower::State::drained) co_await sleep_for(LogFollower::kPeriod);
            continue;
        }
        const Steady::time_point now = context_.clock.steady_now();
        const bool is_away = !context_.hub.reached() || polled.error().code == ErrorCode::unavailable;
        if (!is_away || (away_since && now - *away_since > request_.patience)) {
            Error error = polled.error();
            co_return error;
        }
        if (!away_since)
            context_.console.note("the hub does not answer (" + polled.error().message +
                                  "); the experiment goes on, waiting");
        if (!away_since) away_since = now;
        co_await sleep_for(backoff.next());
    }
    follower.finish();
    context_.console.live({});
    co_return Result<void>();
}

Task<Result<void>> Run::fetch() {
    if (request_.out.empty()) request_.out = id_;
    auto made = make_folder(request_.out);
    if (!made) co_return made;
    const std::filesystem::path archive = request_.out / "results.zip";
    auto saved = co_await context_.hub.download(experiment_path(id_) + "/download", archive);
    if (!saved) co_return saved;
    auto files = unpack_archive(archive, request_.out);
    if (!files) {
        Error error = files.error();
        co_return error;
    }
    files_ = std::move(*files);
    co_return Result<void>();
}

ExitStatus Run::tell_outcome(const json::object& experiment) const {
    const std::string state = text_of(experiment, "status");
    const bool is_done = state == "completed";
    if (context_.console.is_json()) {
        json::object all = experiment;
        all["results"] = request_.out.string();
        all["files"] = json::array(files_.begin(), files_.end());
        context_.console.print_json(all);
    }
    const std::string reason = text_of(experiment, "reason");
    const std::string message = text_of(experiment, "message");
    const std::string span =
        span_text(integer_of(experiment, "started_at"), integer_of(experiment, "ended_at"), context_.clock.utc_now());
    std::string line = "experiment " + id_ + " " + state;
    if (!is_done && !reason.empty()) line += " (" + reason + ")";
    if (!is_done && !message.empty()) line += ": " + message;
    context_.console.note(line + " after " + span);
    context_.console.note(std::to_string(files_.size()) + " files in " + request_.out.string());
    return is_done ? ExitStatus::done : ExitStatus::failed;
}

Task<ExitStatus> Run::execute() {
    auto started = co_await start();
    if (!started) co_return context_.give_up(started.error());
    if (request_.is_dry_run) co_return co_await execute_dry_run();
    auto followed = co_await follow();
    if (!followed) {
        const ExitStatus status = context_.give_up(followed.error());
        context_.console.note(context_.left_behind);
        co_return status;
    }
    auto ended = co_await experiment();
    if (!ended) co_return context_.give_up(ended.error());
    auto fetched = co_await fetch();
    if (!fetched) co_return context_.give_up(fetched.error());
    co_return tell_outcome(*ended);
}

Task<ExitStatus> run_script(Context& context, RunRequest request) {
    Run run(context, std::move(request));
    co_return co_await run.execute();
}

}  // namespace labhub::cli
