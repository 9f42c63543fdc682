#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

struct CallerReply {
    std::string kind, name;
    std::optional<std::string> job_id, device, role, full_name, token;
    bool is_admin = false;
};
BOOST_DESCRIBE_STRUCT(CallerReply, (), (kind, name, job_id, device, role, full_name, token, is_admin))
}  // namespace
template <>
struct MemberDocs<CallerReply> {
    static constexpr MemberDoc list[] = {{"kind", "user or job"},
                                         {"device", "of a job: the one it has leased"},
                                         {"token", "of a user: the name of the token the request came with"}};
};
namespace {

struct SessionReply {
    CallerReply caller;
    std::string version = LABHUB_VERSION;
};
BOOST_DESCRIBE_STRUCT(SessionReply, (), (caller, version))

Task<Result<SessionReply>> get_session(Services& services, Call call, Nothing) {
    SessionReply reply;
    reply.caller.name = call.caller.name;
    reply.caller.kind = call.caller.kind == Caller::Kind::job ? "job" : "user";
    if (call.caller.kind == Caller::Kind::job) {
        reply.caller.job_id = call.caller.job.value;
        auto job = services.jobs.find(call.caller.job);
        if (!job) co_return std::move(job).error();
        reply.caller.device = (*job)->device_name();
    } else if (const auto user = services.accounts.user(call.caller.name)) {
        reply.caller.role = call.caller.role;
        reply.caller.is_admin = call.caller.is_admin;
        reply.caller.full_name = (*user)->full_name;
        reply.caller.token = call.caller.standing->token();
    }
    co_return reply;
}

}  // namespace

void add_session(std::vector<Operation>& list) {
    list.push_back(with_handler(Operation{"GET",
                                          "/api/session",
                                          "getSession",
                                          "session",
                                          "Who the caller is, and which device is its own",
                                          Access::user_or_job,
                                          {},
                                          {},
                                          {},
                                          "application/json",
                                          {}},
                                &get_session));
}

}  // namespace labhub::coordinator::api
