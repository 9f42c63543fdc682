// What a user may have of the hub, and what he has.
#include "coordinator/api/operations.hpp"
#include "coordinator/api/quota_body.hpp"

namespace labhub::coordinator::api {
namespace {

struct HasBody {
    std::int64_t running = 0, queued = 0, stored_bytes = 0;
    double cpu_hours = 0, recent_cpu_hours = 0;
};
BOOST_DESCRIBE_STRUCT(HasBody, (), (running, queued, stored_bytes, cpu_hours, recent_cpu_hours))
}  // namespace
template <>
struct MemberDocs<HasBody> {
    static constexpr MemberDoc list[] = {
        {"stored_bytes", "of the results of experiments that have ended"},
        {"cpu_hours",
         "within cpu_window: of experiments that ended then, to the hour, and of those that run what they "
         "can have used at most"},
        {"recent_cpu_hours", "what the fair share goes by: of all experiments, the older the less"}};
};
namespace {

struct QuotaReply {
    std::string user, role;
    bool is_disabled = false;
    HasBody has;
    QuotaBody may;
    std::map<std::string, std::string> by;
};
BOOST_DESCRIBE_STRUCT(QuotaReply, (), (user, role, is_disabled, has, may, by))
}  // namespace
template <>
struct MemberDocs<QuotaReply> {
    static constexpr MemberDoc list[] = {{"may", "what holds for the user; 'none': no bound"},
                                         {"by", "who says so, for each member of 'may': his role, or his own quota"}};
};
namespace {

Result<QuotaReply> quota_of(const Services& services, const std::string& name) {
    LABHUB_TRY(const accounts::User* const user, services.accounts.user(name));
    const std::string principal = "user:" + name;
    const jobs::Holdings has = services.jobs.holdings_of(principal);
    const accounts::Allowance may = services.accounts.allowance(principal);
    QuotaReply reply;
    reply.user = name;
    reply.role = user->role;
    reply.is_disabled = user->is_disabled;
    reply.has = {static_cast<std::int64_t>(has.running), static_cast<std::int64_t>(has.queued), has.stored_bytes,
                 has.cpu_hours, has.recent_cpu_hours};
    reply.may = body_of(may);
    for (const auto& form : accounts::bound_forms()) reply.by.emplace(form.word, may.says(form.bound));
    return reply;
}

Task<Result<QuotaReply>> get_own(Services& services, Call call, Nothing) {
    co_return quota_of(services, call.caller.name);
}

Task<Result<QuotaReply>> get_one(Services& services, Call call, Nothing) {
    co_return quota_of(services, call.path["name"]);
}

Operation row(std::string path, std::string id, std::string summary, Access access) {
    return Operation{
        "GET", std::move(path), std::move(id), "users", std::move(summary), access, {}, {}, {}, "application/json", {}};
}

}  // namespace

void add_quota(std::vector<Operation>& list) {
    list.push_back(with_handler(
        row("/api/quota", "getOwnQuota", "What you may have of the hub, and what you have", Access::user), &get_own));
    list.push_back(
        with_handler(row("/api/users/{name}/quota", "getQuota", "The same of a user", Access::self), &get_one));
}

}  // namespace labhub::coordinator::api
