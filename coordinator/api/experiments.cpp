#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/api/alarm_body.hpp"
#include "coordinator/api/operations.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

// --- start ---------------------------------------------------------------------------------------------------------

struct Config {
    std::optional<std::string> device;
    std::optional<json::value> time_limit, memory, output_limit;
    std::optional<double> cpus;
    std::optional<std::map<std::string, std::string>> environment;
    std::optional<bool> queue;
    std::optional<std::vector<ExperimentAlarmBody>> alarms;
};
BOOST_DESCRIBE_STRUCT(Config, (), (device, time_limit, memory, output_limit, cpus, environment, queue, alarms))
}  // namespace
template <>
struct MemberDocs<Config> {
    static constexpr MemberDoc list[] = {
        {"device", "node/device; the only one there is when left out"},
        {"time_limit", "seconds, or text as '1h30m'; 1h when left out"},
        {"memory", "bytes, or text as '512m'; 512m when left out"},
        {"output_limit", "bytes of /app/output, or text as '1g'; 1g when left out"},
        {"cpus", "cores, 1 when left out"},
        {"environment", "variables for the script"},
        {"queue", "false: refuse when the device is leased; true (default): wait for it"},
        {"alarms", "what is watched while the experiment holds its device"}};
};
namespace {

struct StartRequest {
    std::string script_content;
    std::optional<std::string> experiment_id;
    std::optional<Config> config;
};
BOOST_DESCRIBE_STRUCT(StartRequest, (), (script_content, experiment_id, config))
struct StartReply {
    std::string experiment_id;
    std::string message;
};
BOOST_DESCRIBE_STRUCT(StartReply, (), (experiment_id, message))

/// Text, or a number, as text.
Result<std::optional<std::string>> text_of(std::string_view name, const std::optional<json::value>& given) {
    if (!given) return std::optional<std::string>{};
    if (given->is_string()) return std::optional<std::string>(std::string(given->get_string()));
    if (given->is_number()) return std::optional<std::string>(to_json(*given));
    return Error{ErrorCode::malformed, "'config." + std::string(name) + "' must be a number or text"};
}

Result<jobs::Submission> submission_of(const Call& call, const Services& services, StartRequest request) {
    Config config = std::move(request.config).value_or(Config{});
    jobs::Submission submission;
    submission.script = std::move(request.script_content);
    submission.id = std::move(request.experiment_id);
    submission.requested_by = call.caller.principal();
    LABHUB_TRY(submission.time_limit, text_of("time_limit", config.time_limit));
    LABHUB_TRY(submission.memory, text_of("memory", config.memory));
    LABHUB_TRY(submission.output_limit, text_of("output_limit", config.output_limit));
    submission.cpus = config.cpus;
    submission.environment = std::move(config.environment).value_or(std::map<std::string, std::string>{});
    submission.queue = config.queue.value_or(true);
    LABHUB_TRY(submission.device, device_of(call, services, config.device));
    LABHUB_TRY(submission.alarms,
               declared_from(config.alarms.value_or(std::vector<ExperimentAlarmBody>{}), services.alarms.settings()));
    LABHUB_CHECK(services.alarms.check_declared(submission.device, submission.alarms));
    return submission;
}

Task<Result<StartReply>> start(Services& services, Call call, StartRequest request) {
    auto submission = submission_of(call, services, std::move(request));
    if (!submission) co_return std::move(submission).error();
    const std::string device = submission->device.to_string();
    auto job = co_await services.jobs.submit(std::move(*submission));
    if (!job) co_return std::move(job).error();
    co_return StartReply{job->id.value, "experiment " + job->id.value + " is queued for " + device};
}

// --- look ----------------------------------------------------------------------------------------------------------

struct Experiment {
    std::string experiment_id, status, reason, message, device, requested_by;
    std::optional<int> exit_code, signal;
    std::int64_t created_at = 0;
    std::optional<std::int64_t> started_at, ended_at;
    std::int64_t time_limit_ms = 0, memory_bytes = 0;
    std::optional<std::int64_t> queue_position, peak_memory_bytes, cpu_ms;
};
BOOST_DESCRIBE_STRUCT(Experiment, (),
                      (experiment_id, status, reason, message, device, requested_by, exit_code, signal, created_at,
                       started_at, ended_at, time_limit_ms, memory_bytes, queue_position, peak_memory_bytes, cpu_ms))
}  // namespace
template <>
struct MemberDocs<Experiment> {
    static constexpr MemberDoc list[] = {
        {"status", "queued, preparing, running, stopping, completed, failed, stopped or timed_out"},
        {"reason",
         "why it ended: user, time_limit, out_of_memory, disk_limit, exit_status, signal, node_lost, lease_lost, "
         "runner_lost, sandbox_failed or alarm; empty otherwise"},
        {"created_at", "milliseconds of UTC since 1970, as all times here"},
        {"queue_position", "1 is next; null when it isn't queued"}};
};
namespace {

std::optional<std::int64_t> millis(const std::optional<UtcMillis>& time) {
    if (!time) return std::nullopt;
    return time->count;
}

Experiment describe(const Services& services, const jobs::Job& job) {
    Experiment shown;
    shown.experiment_id = job.id.value;
    shown.status = to_string(job.status);
    shown.reason = job.reason.empty() ? job.stop_reason : job.reason;
    shown.message = job.message;
    shown.device = job.device.to_string();
    shown.requested_by = job.requested_by;
    shown.exit_code = job.exit_code;
    shown.signal = job.signal;
    shown.created_at = job.created.count;
    shown.started_at = millis(job.started);
    shown.ended_at = millis(job.ended);
    shown.time_limit_ms = job.limits.time.count();
    shown.memory_bytes = job.limits.memory_bytes;
    if (const auto position = services.jobs.queue_position(job))
        shown.queue_position = static_cast<std::int64_t>(*position);
    shown.peak_memory_bytes = job.peak_memory_bytes;
    shown.cpu_ms = job.cpu_ms;
    return shown;
}

struct ExperimentList {
    std::vector<Experiment> experiments;
};
BOOST_DESCRIBE_STRUCT(ExperimentList, (), (experiments))

Task<Result<ExperimentList>> list_all(Services& services, Call, Nothing) {
    ExperimentList reply;
    for (const jobs::Job* job : services.jobs.list()) reply.experiments.push_back(describe(services, *job));
    co_return reply;
}

struct ExperimentReply {
    Experiment experiment;
};
BOOST_DESCRIBE_STRUCT(ExperimentReply, (), (experiment))

Task<Result<ExperimentReply>> get_status(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    co_return ExperimentReply{describe(services, **job)};
}

// --- stop ----------------------------------------------------------------------------------------------------------

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> stop(Services& services, Call call, Nothing) {
    const std::string id = call.path["id"];
    JobId job{id};
    auto stopped = co_await services.jobs.stop(std::move(job), std::string(jobs::reason::kUser),
                                               "stopped by " + call.caller.principal());
    if (!stopped) co_return std::move(stopped).error();
    co_return MessageReply{"experiment " + id + " is being stopped"};
}

// --- results -------------------------------------------------------------------------------------------------------

struct File {
    std::string name;
    std::int64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(File, (), (name, size))
struct ResultsBody {
    std::vector<File> files;
    std::optional<int> exit_code;
    std::string status, reason, message;
};
BOOST_DESCRIBE_STRUCT(ResultsBody, (), (files, exit_code, status, reason, message))
struct ResultsReply {
    ResultsBody results;
};
BOOST_DESCRIBE_STRUCT(ResultsReply, (), (results))

Task<Result<ResultsReply>> get_results(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    ResultsReply reply;
    reply.results.exit_code = (*job)->exit_code;
    reply.results.status = to_string((*job)->status);
    reply.results.reason = (*job)->reason;
    reply.results.message = (*job)->message;
    auto look = [&results = services.results, id = (*job)->id] { return results.list(id); };
    auto files = co_await run_blocking(services.pool, std::move(look));
    if (!files) co_return std::move(files).error();
    for (auto& file : *files) reply.results.files.push_back({std::move(file.name), file.size});
    co_return reply;
}

Task<Result<http::Response>> download(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    if (!is_final((*job)->status)) {
        Error early{ErrorCode::conflict, "experiment '" + (*job)->id.value + "' has not ended yet",
                    "it is " + std::string(to_string((*job)->status))};
        co_return early;
    }
    const auto zip = services.results.zip_of((*job)->id);
    std::error_code failure;
    if (!std::filesystem::is_regular_file(zip, failure)) {
        Error gone{ErrorCode::not_found, "experiment '" + (*job)->id.value + "' has no results"};
        co_return gone;
    }
    http::Response response;
    response.headers = {{"Content-Type", "application/zip"},
                        {"Content-Disposition", "attachment; filename=\"" + (*job)->id.value + "-results.zip\""}};
    response.body = http::FileBody{zip, false};
    co_return response;
}

// --- logs ----------------------------------------------------------------------------------------------------------

struct LogsReply {
    std::string logs;
    std::optional<std::int64_t> next;
    bool ended = false;
};
BOOST_DESCRIBE_STRUCT(LogsReply, (), (logs, next, ended))
}  // namespace
template <>
struct MemberDocs<LogsReply> {
    static constexpr MemberDoc list[] = {{"next", "with ?from: the offset to ask for next, in bytes"},
                                         {"ended", "nothing will be added any more"}};
};
namespace {

constexpr std::int64_t kMaxLogBytes = 256 * 1024;

/// Up to kMaxLogBytes of a file from `from` on (negative: counted from its end). A file that isn't there is empty.
Result<std::pair<std::string, std::int64_t>> read_part(const std::filesystem::path& path, std::int64_t from) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file) {
        if (errno == ENOENT) return std::pair<std::string, std::int64_t>{"", std::max<std::int64_t>(from, 0)};
        return system_error("open " + path.string(), errno);
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("stat " + path.string(), errno);
    if (from < 0) from = std::max<std::int64_t>(0, info.st_size + from);
    std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(info.st_size - from, 0, kMaxLogBytes)), '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), from);
    if (got < 0) return system_error("read " + path.string(), errno);
    text.resize(static_cast<std::size_t>(got));
    return std::pair{std::move(text), from + got};
}

/// A script may print any bytes; JSON takes UTF-8 only. A sequence cut at the end is left for the next read.
std::string as_utf8(std::string_view text, std::int64_t& next, bool may_continue) {
    std::string clean;
    std::size_t wrong = 0;
    while (!is_utf8(text, &wrong)) {
        clean += text.substr(0, wrong);
        text.remove_prefix(wrong);
        if (may_continue && text.size() < 4 && (static_cast<unsigned char>(text[0]) & 0xC0) == 0xC0) {
            next -= static_cast<std::int64_t>(text.size());
            return clean;
        }
        clean += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
        text.remove_prefix(1);
    }
    return clean.append(text);
}

std::string last_lines(const std::string& text, std::int64_t count) {
    std::size_t at = text.size();
    if (at > 0 && text.back() == '\n') --at;
    while (at > 0 && count > 0) {
        const auto line = text.rfind('\n', at - 1);
        if (line == std::string::npos) return text;
        at = line;
        --count;
    }
    return count == 0 && at < text.size() ? text.substr(at + 1) : text;
}

Result<LogsReply> tail_of(const std::filesystem::path& folder, std::int64_t lines, bool ended) {
    LogsReply reply;
    reply.ended = ended;
    for (const char* const name : {"stdout.txt", "stderr.txt"}) {
        LABHUB_TRY(auto part, read_part(folder / name, -kMaxLogBytes));
        std::int64_t ignored = 0;
        reply.logs += last_lines(as_utf8(part.first, ignored, false), lines);
    }
    return reply;
}

Result<LogsReply> part_of(const std::filesystem::path& file, std::int64_t from, bool ended) {
    LABHUB_TRY(auto part, read_part(file, from));
    LogsReply reply;
    reply.ended = ended && static_cast<std::int64_t>(part.first.size()) < kMaxLogBytes;
    reply.logs = as_utf8(part.first, part.second, !reply.ended);
    reply.next = part.second;
    return reply;
}

Task<Result<LogsReply>> get_logs(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    const bool ended = is_final((*job)->status);
    const auto folder = services.results.folder_of((*job)->id);
    auto from = query_integer(call, "from", -1, 0, 1LL << 40);
    if (!from) co_return std::move(from).error();
    auto tail = query_integer(call, "tail", 100, 1, 100'000);
    if (!tail) co_return std::move(tail).error();
    if (*from < 0) co_return tail_of(folder, *tail, ended);
    const auto stream = call.request.query_value("stream").value_or("stdout");
    if (stream != "stdout" && stream != "stderr") {
        Error unknown{ErrorCode::malformed, "?stream=" + printable(stream, 40) + " is not a stream",
                      "stdout or stderr"};
        co_return unknown;
    }
    co_return part_of(folder / (std::string(stream) + ".txt"), *from, ended);
}

Operation row(std::string verb, std::string path, std::string id, std::string summary,
              std::vector<QueryParameter> query = {}) {
    return Operation{std::move(verb),
                     "/api/experiments" + path,
                     std::move(id),
                     "experiments",
                     std::move(summary),
                     Access::user,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_experiments(std::vector<Operation>& list) {
    const std::vector<QueryParameter> log_query{{"tail", "the last N lines of both streams; 100 when left out"},
                                                {"stream", "with from: stdout or stderr"},
                                                {"from", "read one stream from this byte on"}};
    Operation zip = row("GET", "/{id}/download", "downloadResults", "Everything the experiment left, as one zip");
    zip.response_type = "application/zip";
    list.push_back(with_handler(row("POST", "/start", "startExperiment", "Queue a script for a device",
                                    {{"device", "node/device, where the body names none"}}),
                                &start));
    list.push_back(with_handler(row("GET", "", "listExperiments", "All experiments, newest first"), &list_all));
    list.push_back(
        with_handler(row("GET", "/{id}/status", "getExperimentStatus", "How an experiment is"), &get_status));
    list.push_back(
        with_handler(row("POST", "/{id}/stop", "stopExperiment", "Stop an experiment; its outputs are kept"), &stop));
    list.push_back(with_handler(row("DELETE", "/{id}", "deleteExperiment", "The same as stop"), &stop));
    list.push_back(
        with_handler(row("GET", "/{id}/results", "getResults", "What an experiment has left so far"), &get_results));
    list.push_back(with_handler(std::move(zip), &download));
    list.push_back(with_handler(row("GET", "/{id}/logs", "getLogs", "What the script printed", log_query), &get_logs));
}

}  // namespace labhub::coordinator::api
