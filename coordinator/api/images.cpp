// The images experiments run in: which there are, who may use them, how new ones are made.
#include "coordinator/domain/images/images.hpp"

#include "coordinator/api/caller_role.hpp"
#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct ImageView {
    std::string name, digest;
    bool current = true;
    bool is_default = false;
    std::string source, python, version, damage;
    std::int64_t files = 0, bytes = 0;
    std::optional<std::int64_t> made_at;
    std::string made_by;
    std::vector<std::string> roles, used_by;
};
BOOST_DESCRIBE_STRUCT(ImageView, (),
                      (name, digest, current, is_default, source, python, version, damage, files, bytes, made_at,
                       made_by, roles, used_by))
}  // namespace
template <>
struct MemberDocs<ImageView> {
    static constexpr MemberDoc list[] = {
        {"digest", "SHA-256 of its listing of files; empty for the host's own /usr"},
        {"current", "false: an older build, which goes when no experiment names it any more"},
        {"python", "path of its Python, inside"},
        {"damage", "what is wrong with its files; empty when nothing is known to be"},
        {"roles", "who may use it; empty: everybody"},
        {"used_by", "experiments that have not ended"}};
};
namespace {

struct WorkView {
    std::string kind, name, state, made_by, digest;
    std::int64_t started_at = 0;
    std::optional<std::int64_t> ended_at;
    std::vector<std::string> lines;
    std::string error;
};
BOOST_DESCRIBE_STRUCT(WorkView, (), (kind, name, state, made_by, digest, started_at, ended_at, lines, error))
}  // namespace
template <>
struct MemberDocs<WorkView> {
    static constexpr MemberDoc list[] = {{"kind", "build or import"},
                                         {"state", "running, done, failed or cancelled"},
                                         {"lines", "what was said last, at most 50 lines"}};
};
namespace {

struct ImageList {
    std::vector<ImageView> images;
    std::optional<WorkView> work;
};
BOOST_DESCRIBE_STRUCT(ImageList, (), (images, work))

struct ImageDetail {
    ImageView image;
    std::vector<std::string> packages, modules;
    std::optional<bool> verified;
};
BOOST_DESCRIBE_STRUCT(ImageDetail, (), (image, packages, modules, verified))

struct WorkReply {
    std::optional<WorkView> work;
};
BOOST_DESCRIBE_STRUCT(WorkReply, (), (work))

struct ImportRequest {
    std::string path;
};
BOOST_DESCRIBE_STRUCT(ImportRequest, (), (path))
}  // namespace
template <>
struct MemberDocs<ImportRequest> {
    static constexpr MemberDoc list[] = {
        {"path",
         "on the hub's machine: an OCI image layout (folder or tar), or what docker save or podman save wrote"}};
};
namespace {

struct RolesRequest {
    std::vector<std::string> roles;
};
BOOST_DESCRIBE_STRUCT(RolesRequest, (), (roles))

struct ImageMessage {
    std::string message;
};
BOOST_DESCRIBE_STRUCT(ImageMessage, (), (message))

ImageView view_of(const Services& services, const images::Image& image) {
    ImageView shown;
    shown.name = image.stored.name;
    shown.digest = image.stored.digest;
    shown.current = image.is_current;
    shown.is_default = image.is_current && image.stored.name == services.images.default_image();
    shown.source = image.source;
    shown.python = image.python;
    shown.version = image.version;
    shown.damage = image.damage;
    shown.files = static_cast<std::int64_t>(image.files);
    shown.bytes = static_cast<std::int64_t>(image.bytes);
    if (!shown.digest.empty()) shown.made_at = image.made.count;
    shown.made_by = image.stored.made_by;
    shown.roles = services.images.roles_of(shown.name);
    shown.used_by = services.jobs.users_of_image(shown.digest);
    return shown;
}

std::optional<WorkView> work_of(const Services& services) {
    const images::Work* const work = services.images.work();
    if (!work) return std::nullopt;
    WorkView shown;
    shown.kind = work->kind;
    shown.name = work->name;
    shown.state = work->state;
    shown.made_by = work->made_by;
    shown.digest = work->digest;
    shown.started_at = work->started.count;
    if (work->ended) shown.ended_at = work->ended->count;
    shown.lines.assign(work->lines.begin(), work->lines.end());
    if (work->error) shown.error = work->error->to_string();
    return shown;
}

Task<Result<ImageList>> list_all(Services& services, Call, Nothing) {
    ImageList reply;
    for (const images::Image* image : services.images.list()) reply.images.push_back(view_of(services, *image));
    reply.work = work_of(services);
    co_return reply;
}

Result<bool> wants_verification(const Call& call) {
    const auto given = call.request.query_value("verify").value_or("false");
    if (given == "true" || given == "false") return given == "true";
    return Error{ErrorCode::malformed, "'verify' must be true or false"};
}

Task<Result<ImageDetail>> get_one(Services& services, Call call, Nothing) {
    const std::string name = call.path["name"];
    auto is_wanted = wants_verification(call);
    if (!is_wanted) co_return std::move(is_wanted).error();
    ImageDetail reply;
    if (*is_wanted) {
        auto verified = co_await services.images.verify(name);
        if (!verified && verified.error().code != ErrorCode::corrupt) co_return std::move(verified).error();
        reply.verified = verified.has_value();
    }
    auto image = services.images.find(name);
    if (!image) co_return std::move(image).error();
    reply.image = view_of(services, **image);
    reply.packages = (*image)->packages;
    if ((*image)->modules) reply.modules = *(*image)->modules;
    co_return reply;
}

Task<Result<WorkReply>> begin_build(Services& services, Call call, Nothing) {
    auto begun = services.images.build(call.path["name"], call.caller.principal());
    if (!begun) co_return std::move(begun).error();
    WorkReply reply;
    reply.work = work_of(services);
    co_return reply;
}

Task<Result<WorkReply>> begin_import(Services& services, Call call, ImportRequest request) {
    auto begun = services.images.import(call.path["name"], request.path, call.caller.principal());
    if (!begun) co_return std::move(begun).error();
    WorkReply reply;
    reply.work = work_of(services);
    co_return reply;
}

Task<Result<WorkReply>> cancel_work(Services& services, Call call, Nothing) {
    auto cancelled = services.images.cancel(call.path["name"]);
    if (!cancelled) co_return std::move(cancelled).error();
    WorkReply reply;
    reply.work = work_of(services);
    co_return reply;
}

Task<Result<ImageMessage>> set_roles(Services& services, Call call, RolesRequest request) {
    std::string name = call.path["name"];
    ImageMessage reply;
    reply.message =
        "image " + name + (request.roles.empty() ? " is for everybody" : " is for the roles that were named");
    auto set = co_await services.images.set_roles(std::move(name), std::move(request.roles));
    if (!set) co_return std::move(set).error();
    co_return reply;
}

Task<Result<ImageMessage>> remove_one(Services& services, Call call, Nothing) {
    ImageMessage reply;
    std::string name = call.path["name"];
    reply.message = "image " + name + " is removed";
    auto removed = co_await services.images.remove(std::move(name));
    if (!removed) co_return std::move(removed).error();
    co_return reply;
}

Operation row(std::string verb, std::string path, std::string id, std::string summary,
              std::vector<QueryParameter> query = {}) {
    const bool is_a_look = verb == "GET";
    return Operation{std::move(verb),
                     "/api/images" + path,
                     std::move(id),
                     "images",
                     std::move(summary),
                     is_a_look ? Access::user : Access::admin,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_images(std::vector<Operation>& list) {
    list.push_back(with_handler(row("GET", "", "listImages", "The images, and what is being made"), &list_all));
    list.push_back(with_handler(row("GET", "/{name}", "getImage", "One image, with its packages and modules",
                                    {{"verify", "true: every byte of it is read and compared first"}}),
                                &get_one));
    list.push_back(with_handler(
        row("POST", "/{name}/build", "buildImage", "Begin to build an image from its declaration"), &begin_build));
    list.push_back(with_handler(
        row("POST", "/{name}/import", "importImage", "Begin to take an image that lies on the hub's machine"),
        &begin_import));
    list.push_back(
        with_handler(row("POST", "/{name}/roles", "setImageRoles", "Say which roles may use an image; none: everybody"),
                     &set_roles));
    list.push_back(with_handler(row("POST", "/{name}/cancel", "cancelImageWork", "End the build or import of an image"),
                                &cancel_work));
    list.push_back(with_handler(
        row("DELETE", "/{name}", "removeImage", "Remove an image that no experiment needs any more"), &remove_one));
}

}  // namespace labhub::coordinator::api
