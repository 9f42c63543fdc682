#include "coordinator/domain/jobs/results.hpp"

#include <cstdio>
#include <memory>

#include "coordinator/domain/images/image.hpp"
#include "coordinator/domain/jobs/archive.hpp"
#include "coordinator/domain/jobs/ro_crate.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// What a result holds, in the order it is packed.
const std::vector<std::string> kEntries{"experiment.json", "script.py",     "stdout.txt",   "stderr.txt",
                                        "exitcode.txt",    "telemetry.csv", "commands.csv", "output"};

/// Of an experiment's alarms, the last ones are in its description.
constexpr std::int64_t kMostAlarmEvents = 1'000;

/// A CSV file (RFC 4180) written line by line to a temporary file and renamed when it is whole.
class CsvFile {
  public:
    static Result<std::shared_ptr<CsvFile>> create(fs::path target) {
        auto file = std::shared_ptr<CsvFile>(new CsvFile(std::move(target)));
        file->stream_ = std::fopen(file->temporary().c_str(), "we");
        if (!file->stream_) return system_error("create " + file->temporary(), errno);
        return file;
    }
    ~CsvFile() {
        if (!stream_) return;
        std::fclose(stream_);
        std::remove(temporary().c_str());
    }
    Result<void> line(const std::vector<std::string>& fields) {
        std::string text;
        for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + quoted(fields[i]);
        text += '\n';
        if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size())
            return system_error("write " + temporary(), errno);
        return {};
    }
    Result<void> finish() {
        std::FILE* const stream = std::exchange(stream_, nullptr);
        if (std::fclose(stream) != 0) return system_error("write " + temporary(), errno);
        if (std::rename(temporary().c_str(), target_.c_str()) != 0)
            return system_error("rename to " + target_.string(), errno);
        return {};
    }

  private:
    explicit CsvFile(fs::path target) : target_(std::move(target)) {}
    std::string temporary() const { return target_.string() + ".tmp"; }
    static std::string quoted(const std::string& field) {
        if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
        std::string text = "\"";
        for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
        return text + "\"";
    }

    fs::path target_;
    std::FILE* stream_ = nullptr;
};

std::string cell(const Value& value) {
    return std::holds_alternative<std::monostate>(value) ? "" : labhub::to_string(value);
}

std::string values_text(const std::map<std::string, Value>& values) {
    std::string text;
    for (const auto& [metric, value] : values)
        text += (text.empty() ? "" : " ") + metric + "=" + labhub::to_string(value);
    return text;
}

json::value time_or_null(const std::optional<UtcMillis>& time) {
    return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::object describe_job(const Job& job) {
    json::object environment;
    for (const auto& [name, value] : job.environment) environment[name] = value;
    json::array alarms;
    for (const auto& declared : job.alarms) alarms.push_back(coordinator::alarms::to_json_object(declared));
    json::object limits{{"memory_bytes", job.limits.memory_bytes},
                        {"cpus", job.limits.cpus},
                        {"pids", job.limits.pids},
                        {"time_limit_ms", job.limits.time.count()},
                        {"output_bytes", job.limits.output_bytes},
                        {"log_bytes", job.limits.log_bytes},
                        {"tmp_bytes", job.limits.tmp_bytes}};
    json::object times{{"created", to_rfc3339(job.created)},
                       {"started", time_or_null(job.started)},
                       {"ended", time_or_null(job.ended)}};
    json::object versions{{"labhub", LABHUB_VERSION}, {"runtime", job.runtime}};
    return json::object{
        {"experiment_id", job.id.value},
        {"status", to_string(job.status)},
        {"reason", job.reason},
        {"message", job.message},
        {"exit_code", job.exit_code ? json::value(*job.exit_code) : json::value(nullptr)},
        {"signal", job.signal ? json::value(*job.signal) : json::value(nullptr)},
        {"requested_by", job.requested_by},
        {"device", job.device.to_string()},
        {"node", job.device.node.value},
        {"image", job.image.empty() ? std::string(images::kHostImage) : job.image},
        {"image_digest", job.image_digest},
        {"request",
         json::object{
             {"environment", std::move(environment)}, {"limits", std::move(limits)}, {"alarms", std::move(alarms)}}},
        {"times", std::move(times)},
        {"versions", std::move(versions)},
        {"peak_memory_bytes", job.peak_memory_bytes ? json::value(*job.peak_memory_bytes) : json::value(nullptr)},
        {"cpu_ms", job.cpu_ms ? json::value(*job.cpu_ms) : json::value(nullptr)}};
}

json::array describe_metrics(const std::vector<MetricInfo>& metrics) {
    json::array described;
    for (const auto& metric : metrics) {
        described.push_back(
            json::object{{"name", metric.name},
                         {"kind", to_string(metric.kind)},
                         {"type", to_string(metric.type)},
                         {"unit", metric.unit},
                         {"minimum", metric.minimum ? json::value(*metric.minimum) : json::value(nullptr)},
                         {"maximum", metric.maximum ? json::value(*metric.maximum) : json::value(nullptr)},
                         {"safe_value", value_to_json(metric.safe_value)}});
    }
    return described;
}

}  // namespace

Task<Result<void>> Results::write(Job job) {
    auto first = make_folder(folder_of(job.id));
    if (!first) co_return first;
    if (job.started) {
        auto telemetry = co_await write_telemetry(job);
        if (!telemetry) first = std::move(telemetry);
        auto commands = co_await write_commands(job);
        if (!commands && first) first = std::move(commands);
    }
    auto description = co_await write_description(job);
    if (!description && first) first = std::move(description);
    auto pack = [folder = folder_of(job.id), target = zip_of(job.id),
                 script = std::move(job.script)]() -> Result<void> {
        // Again, and this time to last: the runner's copy did not wait for the disk.
        if (!script.empty()) LABHUB_CHECK(write_file(folder / "script.py", script));
        return write_zip(folder, kEntries, target, crate_of(folder));
    };
    // It takes as long as the outputs are large, and nobody is to wait behind it: a thread of its own. There are at
    // most as many as jobs that are active.
    asio::thread_pool packer{1};
    auto packed = co_await run_blocking(packer, std::move(pack));
    if (!packed && first) first = std::move(packed);
    co_return first;
}

Task<Result<void>> Results::write_telemetry(Job job) {
    auto metrics = co_await telemetry_.metrics_of(job.device);
    if (!metrics) co_return std::move(metrics).error();
    auto file = CsvFile::create(folder_of(job.id) / "telemetry.csv");
    if (!file) co_return std::move(file).error();
    std::vector<std::string> header{"time", "elapsed_s"};
    header.insert(header.end(), metrics->begin(), metrics->end());
    auto begun = (*file)->line(header);
    if (!begun) co_return begun;
    const UtcMillis from = *job.started;
    auto write_row = [file = *file, from](const store::TelemetryRow& row) {
        std::vector<std::string> fields{to_rfc3339(row.time),
                                        format_number(static_cast<double>((row.time - from).count()) / 1000.0)};
        for (const auto& value : row.values) fields.push_back(cell(value));
        return file->line(fields);
    };
    std::function<Result<void>(const store::TelemetryRow&)> each = std::move(write_row);
    auto written =
        co_await telemetry_.each_row(job.device, std::move(*metrics), from, job.ended.value_or(from), std::move(each));
    if (!written) co_return written;
    co_return (*file)->finish();
}

Task<Result<void>> Results::write_commands(Job job) {
    auto commands = co_await commands_.of_device(job.device, *job.started, job.ended.value_or(*job.started));
    if (!commands) co_return std::move(commands).error();
    auto file = CsvFile::create(folder_of(job.id) / "commands.csv");
    if (!file) co_return std::move(file).error();
    const std::vector<std::string> header{"time",  "answered", "who",     "command_id",
                                          "asked", "applied",  "outcome", "message"};
    auto written = (*file)->line(header);
    for (const auto& command : *commands) {
        if (!written) co_return written;
        const std::vector<std::string> fields{
            to_rfc3339(command.asked_at), to_rfc3339(command.answered_at), command.principal, command.id.value,
            values_text(command.asked),   values_text(command.applied),    command.outcome,   command.message};
        written = (*file)->line(fields);
    }
    if (!written) co_return written;
    co_return (*file)->finish();
}

Task<Result<void>> Results::write_description(Job job) {
    auto description = describe_job(job);
    store::AlarmHistoryQuery query;
    query.job = job.id;
    query.limit = kMostAlarmEvents;
    auto events = co_await alarms_.history(std::move(query));
    json::array alarms;
    if (events)
        for (auto event = events->rbegin(); event != events->rend(); ++event)
            alarms.push_back(coordinator::alarms::to_json_object(*event));
    description["alarms"] = std::move(alarms);
    if (const auto device = fleet_.device(job.device)) description["metrics"] = describe_metrics((*device)->metrics);
    const auto node = fleet_.nodes().find(job.device.node);
    if (node != fleet_.nodes().end()) description["versions"].as_object()["agent"] = node->second.version;
    // To the disk, which may be busy with the outputs.
    auto store = [path = folder_of(job.id) / "experiment.json", text = to_pretty_json(description)] {
        return write_file(path, text);
    };
    auto written = co_await run_blocking(pool_, std::move(store));
    if (written && !events) co_return std::move(events).error();
    co_return written;
}

Result<std::vector<ResultFile>> Results::list(const JobId& job) const {
    std::vector<ResultFile> files;
    const auto add = [&](const fs::path& path, std::string name) -> Result<void> {
        std::error_code failure;
        const auto size = fs::file_size(path, failure);
        if (!failure) files.push_back({std::move(name), static_cast<std::int64_t>(size)});
        return {};
    };
    auto entries = kEntries;
    entries.emplace_back(kCrateName);
    entries.push_back(zip_of(job).filename().string());
    LABHUB_CHECK(for_each_file(folder_of(job), entries, add));
    return files;
}

Result<void> Results::remove(const JobId& job) const {
    std::error_code failure;
    fs::remove_all(folder_of(job), failure);
    if (failure) return system_error("delete " + folder_of(job).string(), failure.value());
    return {};
}

}  // namespace labhub::coordinator::jobs
