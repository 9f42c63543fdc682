// What people write on an experiment: tags and a note.
#include "coordinator/api/experiments.hpp"

namespace labhub::coordinator::api {
namespace {

struct LabelsRequest {
    std::optional<std::vector<std::string>> tags, add_tags, remove_tags;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(LabelsRequest, (), (tags, add_tags, remove_tags, note))
struct LabelsReply {
    std::vector<std::string> tags;
    std::string note;
};
BOOST_DESCRIBE_STRUCT(LabelsReply, (), (tags, note))
}  // namespace
template <>
struct MemberDocs<LabelsRequest> {
    static constexpr MemberDoc list[] = {{"tags", "in place of all it has"},
                                         {"note", "text for people, up to 4096 bytes; empty takes it away"}};
};
namespace {

Task<Result<LabelsReply>> change_labels(Services& services, Call call, LabelsRequest request) {
    using Words = std::vector<std::string>;
    JobId id{call.path["id"]};
    jobs::LabelChange change;
    change.tags = std::move(request.tags);
    change.added = std::move(request.add_tags).value_or(Words{});
    change.removed = std::move(request.remove_tags).value_or(Words{});
    change.note = std::move(request.note);
    auto labels = co_await services.jobs.set_labels(std::move(id), std::move(change), call.caller.principal());
    if (!labels) co_return std::move(labels).error();
    co_return LabelsReply{std::move(labels->tags), std::move(labels->note)};
}

}  // namespace

void add_experiment_labels(std::vector<Operation>& list) {
    list.push_back(with_handler(experiment_row("PATCH", "/{id}", "changeExperiment",
                                               "Change what people write on an experiment, whatever its status"),
                                &change_labels));
}

}  // namespace labhub::coordinator::api
