// What a dry run found.
#include "coordinator/api/dry_run_report.hpp"
#include "coordinator/api/experiments.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

struct DryRunReply {
    DryRunReport dry_run;
};
BOOST_DESCRIBE_STRUCT(DryRunReply, (), (dry_run))

Result<DryRunReport> read_report(const std::filesystem::path& folder) {
    auto text = read_file(folder / "dry-run.json");
    if (!text && text.error().code == ErrorCode::not_found)
        return Error{ErrorCode::not_found, "this dry run has left no report", "its message says why"};
    if (!text) return std::move(text).error();
    LABHUB_TRY(const auto parsed, parse_json(*text));
    return decode<DryRunReport>(parsed);
}

Task<Result<DryRunReply>> get_report(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    if (!(*job)->dry_run) {
        Error real{ErrorCode::not_found, "experiment '" + (*job)->id.value + "' is no dry run"};
        co_return real;
    }
    if (!is_final((*job)->status)) {
        Error early{ErrorCode::conflict, "dry run '" + (*job)->id.value + "' has not ended yet",
                    "it is " + std::string(to_string((*job)->status))};
        co_return early;
    }
    auto read = [folder = services.results.folder_of((*job)->id)] { return read_report(folder); };
    auto report = co_await run_blocking(services.pool, std::move(read));
    if (!report) co_return std::move(report).error();
    co_return DryRunReply{std::move(*report)};
}

}  // namespace

void add_dry_runs(std::vector<Operation>& list) {
    list.push_back(with_handler(experiment_row("GET", "/{id}/dry-run", "getDryRun",
                                               "What a dry run found: its findings, and what a chart of it shows"),
                                &get_report));
}

}  // namespace labhub::coordinator::api
