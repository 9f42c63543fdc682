// What an experiment leaves: its files, one by one and as a zip.
#include "coordinator/api/experiments.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

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

}  // namespace

void add_experiment_results(std::vector<Operation>& list) {
    Operation zip =
        experiment_row("GET", "/{id}/download", "downloadResults", "Everything the experiment left, as one zip");
    zip.response_type = "application/zip";
    list.push_back(with_handler(
        experiment_row("GET", "/{id}/results", "getResults", "What an experiment has left so far"), &get_results));
    list.push_back(with_handler(std::move(zip), &download));
}

}  // namespace labhub::coordinator::api
