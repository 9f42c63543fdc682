// What an experiment leaves: its files, one by one and as a zip; also while it runs.
#include "coordinator/api/experiments.hpp"
#include "coordinator/api/request_values.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"
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
    std::optional<std::int64_t> partial_at;
    std::optional<std::vector<std::string>> left_out;
};
BOOST_DESCRIBE_STRUCT(ResultsBody, (), (files, exit_code, status, reason, message, partial_at, left_out))
struct ResultsReply {
    ResultsBody results;
};
BOOST_DESCRIBE_STRUCT(ResultsReply, (), (results))
}  // namespace
template <>
struct MemberDocs<ResultsBody> {
    static constexpr MemberDoc list[] = {
        {"partial_at", "when the outputs of a script that runs were copied; null: all there is"},
        {"left_out", "what of the outputs was left out of that copy, and why"}};
};
namespace {

/// What is asked for: the results of an ended experiment, or what there is of one that runs.
struct Asked {
    jobs::Job job;
    std::optional<jobs::PartialResult> partial;
};

Task<Result<Asked>> asked_of(Services& services, Call call) {
    auto wants_partial = query_flag(call, "partial");
    if (!wants_partial) co_return std::move(wants_partial).error();
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    auto there = services.jobs.check_results((*job)->id);
    if (!there) co_return std::move(there).error();
    Asked asked;
    asked.job = **job;
    if (!*wants_partial || is_final(asked.job.status)) co_return asked;
    auto made = co_await services.jobs.partial_result(asked.job.id);
    if (!made) co_return std::move(made).error();
    asked.partial = std::move(*made);
    co_return asked;
}

Task<Result<ResultsReply>> get_results(Services& services, Call call, Nothing) {
    auto asked = co_await asked_of(services, std::move(call));
    if (!asked) co_return std::move(asked).error();
    ResultsReply reply;
    reply.results.exit_code = asked->job.exit_code;
    reply.results.status = to_string(asked->job.status);
    reply.results.reason = asked->job.reason;
    reply.results.message = asked->job.message;
    if (asked->partial) {
        reply.results.partial_at = asked->partial->time.count;
        reply.results.left_out = asked->partial->notes;
    }
    auto look = [&results = services.results, id = asked->job.id, is_partial = asked->partial.has_value()] {
        return is_partial ? results.list_partial(id) : results.list(id);
    };
    auto files = co_await run_blocking(services.pool, std::move(look));
    if (!files) co_return std::move(files).error();
    for (auto& file : *files) reply.results.files.push_back({std::move(file.name), file.size});
    co_return reply;
}

http::Response file_response(const std::filesystem::path& path, std::string type, const std::string& name) {
    http::Response response;
    response.headers = {{"Content-Type", std::move(type)},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Content-Disposition", "attachment; " + name}};
    response.body = http::FileBody{path, false};
    return response;
}

Task<Result<http::Response>> download_file(Services& services, Asked asked, std::string name) {
    auto look = [&results = services.results, id = asked.job.id, name, is_partial = asked.partial.has_value()] {
        return is_partial ? results.find_partial(id, name) : results.find(id, name);
    };
    auto found = co_await run_blocking(services.pool, std::move(look));
    if (!found) co_return std::move(found).error();
    // As RFC 8187 has it: the name may be any that a script thought of.
    const std::string own = std::filesystem::path(name).filename().string();
    co_return file_response(*found, "application/octet-stream", "filename*=UTF-8''" + http::percent_encode(own));
}

Task<Result<http::Response>> download(Services& services, Call call, Nothing) {
    const auto file = call.request.query_value("file");
    const std::string name(file.value_or(""));
    auto asked = co_await asked_of(services, std::move(call));
    if (!asked) co_return std::move(asked).error();
    const JobId id = asked->job.id;
    if (!asked->partial && !is_final(asked->job.status)) {
        Error early{ErrorCode::conflict, "experiment '" + id.value + "' has not ended yet",
                    "it is " + std::string(to_string(asked->job.status)) + "; partial=true gives what there is so far"};
        co_return early;
    }
    if (!name.empty()) co_return co_await download_file(services, std::move(*asked), name);
    const auto zip = asked->partial ? services.results.partial_zip_of(id) : services.results.zip_of(id);
    std::error_code failure;
    if (!std::filesystem::is_regular_file(zip, failure)) {
        Error gone{ErrorCode::not_found, "experiment '" + id.value + "' has no results"};
        co_return gone;
    }
    const std::string zip_name = id.value + (asked->partial ? "-partial.zip" : "-results.zip");
    auto response = file_response(zip, "application/zip", "filename=\"" + zip_name + "\"");
    if (!asked->partial)
        std::get<http::FileBody>(response.body).on_sent = [&jobs = services.jobs, id] { jobs.note_downloaded(id); };
    co_return response;
}

struct MessageReply {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(MessageReply, (), (message))

Task<Result<MessageReply>> remove(Services& services, Call call, Nothing) {
    auto wants_all = query_flag(call, "record");
    if (!wants_all) co_return std::move(wants_all).error();
    JobId id{call.path["id"]};
    const std::string who = call.caller.principal();
    const std::string because = "removed by " + who;
    auto removal = *wants_all ? services.jobs.forget(std::move(id), who)
                              : services.jobs.remove_results(std::move(id), because, who);
    auto removed = co_await std::move(removal);
    if (!removed) co_return std::move(removed).error();
    co_return MessageReply{"experiment " + call.path["id"] +
                           (*wants_all ? " is deleted" : " has no files any more; what happened to it stays")};
}

}  // namespace

void add_experiment_results(std::vector<Operation>& list) {
    const QueryParameter partial{
        "partial", "true: while the script runs, what there is now (or was up to 10 s ago), safely copied"};
    Operation zip = experiment_row("GET", "/{id}/download", "downloadResults",
                                   "Everything the experiment left, as one zip, or one file of it",
                                   {partial, {"file", "only this one, as GET …/results names it"}});
    zip.response_type = "application/zip";
    list.push_back(with_handler(
        experiment_row("GET", "/{id}/results", "getResults", "What an experiment has left so far", {partial}),
        &get_results));
    list.push_back(with_handler(std::move(zip), &download));
    list.push_back(with_handler(
        experiment_row("DELETE", "/{id}/results", "deleteResults",
                       "Delete the files of an experiment that has ended; the record of what happened to it stays",
                       {{"record", "true: delete that too, and the experiment is known no more"}}),
        &remove));
}

}  // namespace labhub::coordinator::api
