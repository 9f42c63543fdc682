#include "coordinator/domain/jobs/results.hpp"

#include "coordinator/domain/jobs/archive.hpp"
#include "coordinator/domain/jobs/csv_file.hpp"
#include "coordinator/domain/jobs/description.hpp"
#include "coordinator/domain/jobs/ro_crate.hpp"
#include "coordinator/runner/job_report.hpp"
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
                                        "exitcode.txt",    "telemetry.csv", "commands.csv", "events.csv",
                                        "dry-run.json",    "input",         "output"};

/// Of an experiment's alarms, the last ones are in its description.
constexpr std::int64_t kMostAlarmEvents = 1'000;

constexpr const char* kZipName = "results.zip";

/// All that list() may name.
std::vector<std::string> listed_entries() {
    auto entries = kEntries;
    entries.emplace_back(kCrateName);
    entries.emplace_back(kZipName);
    return entries;
}

Result<std::vector<ResultFile>> files_in(const fs::path& folder) {
    std::vector<ResultFile> files;
    const auto add = [&](const fs::path& path, std::string name) -> Result<void> {
        std::error_code failure;
        const auto size = fs::file_size(path, failure);
        if (!failure) files.push_back({std::move(name), static_cast<std::int64_t>(size)});
        return {};
    };
    LABHUB_CHECK(for_each_file(folder, listed_entries(), add));
    return files;
}

/// Only what is listed can be had: no name leads out of the folder, or through a link.
Result<fs::path> file_in(const fs::path& folder, const std::string& wanted) {
    std::optional<fs::path> found;
    const auto look = [&](const fs::path& path, std::string name) -> Result<void> {
        if (name == wanted) found = path;
        return {};
    };
    LABHUB_CHECK(for_each_file(folder, listed_entries(), look));
    if (found) return *found;
    return Error{ErrorCode::not_found, "there is no file '" + printable(wanted, 120) + "'",
                 "GET …/results lists those there are"};
}

std::string cell(const Value& value) {
    return std::holds_alternative<std::monostate>(value) ? "" : labhub::to_string(value);
}

std::string elapsed_text(std::chrono::milliseconds elapsed) {
    return format_number(static_cast<double>(elapsed.count()) / 1000.0);
}

std::string values_text(const std::map<std::string, Value>& values) {
    std::string text;
    for (const auto& [metric, value] : values)
        text += (text.empty() ? "" : " ") + metric + "=" + labhub::to_string(value);
    return text;
}

}  // namespace

Task<Result<void>> Results::write(Job job, std::vector<Event> events) {
    const Stage stage{folder_of(job.id), job.ended.value_or(job.created)};
    auto first = make_folder(stage.folder);
    if (!first) co_return first;
    auto data = co_await write_data(job, std::move(events), stage);
    if (!data) first = std::move(data);
    auto pack = [folder = folder_of(job.id), target = zip_of(job.id),
                 script = std::move(job.script)]() -> Result<void> {
        // Again, and this time to last: the runner's copy did not wait for the disk.
        if (!script.empty()) LABHUB_CHECK(write_file(folder / "script.py", script));
        std::error_code none;
        fs::remove_all(runner::partial_folder(folder), none);
        return write_zip(folder, kEntries, target, crate_of(folder));
    };
    // It takes as long as the outputs are large, and nobody is to wait behind it: a thread of its own. There are at
    // most as many as jobs that are active.
    asio::thread_pool packer{1};
    auto packed = co_await run_blocking(packer, std::move(pack));
    if (!packed && first) first = std::move(packed);
    co_return first;
}

/// What the hub itself knows of the run. Every part is tried; the first failure is returned.
Task<Result<void>> Results::write_data(Job job, std::vector<Event> events, Stage stage) {
    Result<void> first;
    if (job.started && !job.dry_run) {
        auto measured = write_measured(job, stage);
        first = co_await std::move(measured);
    }
    auto told = co_await write_events(job, std::move(events), stage);
    if (!told && first) first = std::move(told);
    auto description = co_await write_description(std::move(job), std::move(stage));
    if (!description && first) first = std::move(description);
    co_return first;
}

Task<Result<void>> Results::write_measured(Job job, Stage stage) {
    auto telemetry = co_await write_telemetry(job, stage);
    auto commands = co_await write_commands(std::move(job), std::move(stage));
    co_return telemetry ? commands : telemetry;
}

Task<Result<void>> Results::write_measured(Job job) {
    const Stage stage{folder_of(job.id), job.ended.value_or(job.created)};
    auto written = write_measured(std::move(job), stage);
    co_return co_await std::move(written);
}

Task<Result<void>> Results::write_telemetry(Job job, Stage stage) {
    auto metrics = co_await telemetry_.metrics_of(job.device);
    if (!metrics) co_return std::move(metrics).error();
    auto file = CsvFile::create(stage.folder / "telemetry.csv");
    if (!file) co_return std::move(file).error();
    std::vector<std::string> header{"time", "elapsed_s"};
    header.insert(header.end(), metrics->begin(), metrics->end());
    auto begun = (*file)->line(header);
    if (!begun) co_return begun;
    const UtcMillis from = *job.started;
    auto write_row = [file = *file, from](const store::TelemetryRow& row) {
        std::vector<std::string> fields{to_rfc3339(row.time), elapsed_text(row.time - from)};
        for (const auto& value : row.values) fields.push_back(cell(value));
        return file->line(fields);
    };
    std::function<Result<void>(const store::TelemetryRow&)> each = std::move(write_row);
    auto written = co_await telemetry_.each_row(job.device, std::move(*metrics), from, stage.until, std::move(each));
    if (!written) co_return written;
    co_return (*file)->finish();
}

Task<Result<void>> Results::write_commands(Job job, Stage stage) {
    auto commands = co_await commands_.of_device(job.device, *job.started, stage.until);
    if (!commands) co_return std::move(commands).error();
    auto file = CsvFile::create(stage.folder / "commands.csv");
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

/// `elapsed_s` is empty where the script had not begun.
Task<Result<void>> Results::write_events(Job job, std::vector<Event> events, Stage stage) {
    auto write = [job = std::move(job), events = std::move(events),
                  path = stage.folder / "events.csv"]() -> Result<void> {
        LABHUB_TRY(const auto file, CsvFile::create(path));
        LABHUB_CHECK(file->line({"time", "elapsed_s", "kind", "who", "message"}));
        for (const auto& event : events) {
            const bool has_begun = job.started && event.time >= *job.started;
            LABHUB_CHECK(file->line({to_rfc3339(event.time), has_begun ? elapsed_text(event.time - *job.started) : "",
                                     event.kind, event.who, event.message}));
        }
        return file->finish();
    };
    return run_blocking(pool_, std::move(write));
}

Task<Result<void>> Results::write_description(Job job, Stage stage) {
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
    auto store = [path = stage.folder / "experiment.json", text = to_pretty_json(description)] {
        return write_file(path, text);
    };
    auto written = co_await run_blocking(pool_, std::move(store));
    if (written && !events) co_return std::move(events).error();
    co_return written;
}

Result<std::vector<ResultFile>> Results::list(const JobId& job) const { return files_in(folder_of(job)); }

Result<fs::path> Results::find(const JobId& job, const std::string& name) const {
    return file_in(folder_of(job), name);
}

Task<Result<void>> Results::write_partial(Job job, std::vector<Event> events, UtcMillis now) {
    const Stage stage{runner::partial_folder(folder_of(job.id)), now};
    auto prepare = [from = folder_of(job.id), to = stage.folder, script = job.script]() -> Result<void> {
        LABHUB_CHECK(make_folder(to));
        LABHUB_CHECK(write_file(to / "script.py", script));
        for (const char* const log : {"stdout.txt", "stderr.txt"}) {
            // What is being written meanwhile is part of the next one.
            std::error_code none;
            fs::copy_file(from / log, to / log, fs::copy_options::overwrite_existing, none);
        }
        return {};
    };
    asio::thread_pool packer{1};
    auto first = co_await run_blocking(packer, std::move(prepare));
    if (!first) co_return first;
    const JobId id = job.id;
    auto data = co_await write_data(std::move(job), std::move(events), stage);
    auto pack = [folder = stage.folder, target = partial_zip_of(id)] {
        return write_zip(folder, kEntries, target, crate_of(folder));
    };
    auto packed = co_await run_blocking(packer, std::move(pack));
    co_return data ? std::move(packed) : std::move(data);
}

Result<std::vector<ResultFile>> Results::list_partial(const JobId& job) const {
    return files_in(runner::partial_folder(folder_of(job)));
}

Result<fs::path> Results::find_partial(const JobId& job, const std::string& name) const {
    return file_in(runner::partial_folder(folder_of(job)), name);
}

fs::path Results::partial_zip_of(const JobId& job) const { return runner::partial_folder(folder_of(job)) / kZipName; }

void Results::remove_partial(const JobId& job) const {
    std::error_code none;
    fs::remove_all(runner::partial_folder(folder_of(job)), none);
}

Result<std::int64_t> Results::size_of(const JobId& job) const {
    std::error_code failure;
    if (!fs::exists(folder_of(job), failure)) return 0;
    LABHUB_TRY(const auto files, list(job));
    std::int64_t bytes = 0;
    for (const ResultFile& file : files) bytes += file.size;
    return bytes;
}

}  // namespace labhub::coordinator::jobs
