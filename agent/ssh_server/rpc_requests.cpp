#include "agent/ssh_server/rpc_requests.hpp"

#include "shared/base/text.hpp"

namespace labhub::agent::ssh_server {
namespace {

rpc::Reply refused(const Error& error) {
    rpc::Reply reply;
    *reply.mutable_failure() = rpc::to_rpc(error);
    return reply;
}

/// On whose behalf: the coordinator names the principal; without one it is the coordinator itself.
safety::Asker on_behalf(safety::Asker asker, const std::string& principal) {
    if (!principal.empty()) asker.principal = printable(principal, 128);
    return asker;
}

}  // namespace

Task<rpc::Reply> RpcRequests::answer(ssh::Principal who, rpc::Request request) {
    const safety::Asker asker{safety::Origin::rpc, who.name,
                              safety::role_from_name(who.role).value_or(safety::Role::viewer)};
    const std::uint64_t id = request.id();
    rpc::Reply reply;
    switch (request.body_case()) {
        case rpc::Request::kHello: reply = hello(request.hello()); break;
        case rpc::Request::kApply: reply = co_await apply(asker, std::move(*request.mutable_apply())); break;
        case rpc::Request::kHold: reply = co_await hold(asker, std::move(*request.mutable_hold())); break;
        case rpc::Request::kLease: reply = co_await lease(asker, std::move(*request.mutable_lease())); break;
        case rpc::Request::kRead: reply = read(request.read()); break;
        case rpc::Request::kLogs: reply = logs(request.logs()); break;
        case rpc::Request::kAcknowledgeAlarm: reply = acknowledge_alarm(asker, request.acknowledge_alarm()); break;
        case rpc::Request::kAdvance: {
            const Error real{ErrorCode::unsupported, "the time of a real node can't be advanced"};
            reply = refused(real);
            break;
        }
        case rpc::Request::BODY_NOT_SET: {
            const Error unknown{ErrorCode::unsupported, "this agent doesn't know that kind of request",
                                "it is " + face_.version};
            reply = refused(unknown);
        }
    }
    reply.set_id(id);
    co_return reply;
}

rpc::Reply RpcRequests::hello(const rpc::HelloRequest& request) const {
    if (request.protocol() != rpc::kProtocol)
        return refused(Error{ErrorCode::unsupported,
                             "protocol " + std::to_string(request.protocol()) + " is not spoken here",
                             "this agent (" + face_.version + ") speaks protocol " + std::to_string(rpc::kProtocol)});
    rpc::Reply reply;
    rpc::HelloReply& hello = *reply.mutable_hello();
    hello.set_protocol(rpc::kProtocol);
    hello.set_version(face_.version);
    hello.set_node(face_.node);
    hello.set_boot_id(face_.boot_id);
    for (const sampling::Device* device : face_.path.devices()) {
        rpc::DeviceStatus& status = *hello.add_devices();
        status.set_device(device->id());
        status.set_connected(device->is_connected());
        status.set_problem(device->problem());
        status.set_lease_id(face_.path.control(device->id()).lease().value);
        status.set_safe(device->is_safe());
    }
    return reply;
}

Task<rpc::Reply> RpcRequests::apply(safety::Asker asker, rpc::ApplyRequest request) {
    if (request.command_id().empty() || request.command_id().size() > 128) {
        const Error nameless{ErrorCode::malformed, "a command needs an id", "1 to 128 bytes, new for each command"};
        co_return refused(nameless);
    }
    safety::Command command;
    command.id = CommandId{request.command_id()};
    command.asker = on_behalf(std::move(asker), request.principal());
    command.device = request.device();
    command.lease = LeaseId{request.lease_id()};
    if (request.deadline_ms() != 0) command.deadline = UtcMillis{request.deadline_ms()};
    command.setpoints = rpc::from_rpc(request.setpoints());
    const auto applied = co_await face_.path.apply(std::move(command));
    if (!applied) co_return refused(applied.error());
    rpc::Reply reply;
    *reply.mutable_apply()->mutable_applied() = rpc::to_rpc(applied->readings);
    reply.mutable_apply()->set_repeated_command(applied->repeated);
    co_return reply;
}

Task<rpc::Reply> RpcRequests::hold(safety::Asker asker, rpc::HoldRequest request) {
    safety::Hold hold;
    hold.asker = on_behalf(std::move(asker), request.principal());
    hold.device = request.device();
    hold.reason = printable(request.reason());
    const auto held = co_await face_.path.hold(std::move(hold));
    if (!held) co_return refused(held.error());
    rpc::Reply reply;
    *reply.mutable_hold()->mutable_applied() = rpc::to_rpc(*held);
    co_return reply;
}

Task<rpc::Reply> RpcRequests::lease(safety::Asker asker, rpc::LeaseRequest request) {
    safety::LeaseGrant grant;
    grant.asker = std::move(asker);
    grant.device = request.device();
    grant.lease = LeaseId{request.lease_id()};
    grant.holder = request.holder().empty() ? "the coordinator" : printable(request.holder(), 128);
    grant.ttl = std::chrono::milliseconds{request.ttl_ms()};
    grant.renew_only = request.renew_only();
    const auto granted = co_await face_.path.lease(std::move(grant));
    if (!granted) co_return refused(granted.error());
    rpc::Reply reply;
    reply.mutable_lease();
    co_return reply;
}

rpc::Reply RpcRequests::read(const rpc::ReadRequest& request) const {
    const auto device = face_.path.find(request.device());
    if (!device) return refused(device.error());
    rpc::Reply reply;
    *reply.mutable_read()->mutable_readings() = rpc::to_rpc((*device)->latest());
    return reply;
}

rpc::Reply RpcRequests::logs(const rpc::LogsRequest& request) const {
    rpc::Reply reply;
    rpc::LogsReply& logs = *reply.mutable_logs();
    for (const std::string& line : face_.log.last(request.lines())) logs.add_lines(printable(line, line.size()));
    return reply;
}

rpc::Reply RpcRequests::acknowledge_alarm(safety::Asker asker, const rpc::AcknowledgeAlarmRequest& request) const {
    asker = on_behalf(std::move(asker), request.principal());
    const auto done =
        face_.alarms.acknowledge(request.device(), request.metric(), asker, printable(request.comment(), 1'000));
    if (!done) return refused(done.error());
    rpc::Reply reply;
    reply.mutable_acknowledge_alarm();
    return reply;
}

}  // namespace labhub::agent::ssh_server
