#include "coordinator/api/lease_view.hpp"
#include "coordinator/api/operations.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

struct MetricView {
    std::string name, kind, type, unit, description;
    std::optional<double> minimum, maximum;
    Value safe_value, value;
    std::optional<std::int64_t> time;
    std::string quality;
};
BOOST_DESCRIBE_STRUCT(MetricView, (),
                      (name, kind, type, unit, description, minimum, maximum, safe_value, value, time, quality))
struct DeviceView {
    std::string device, state;
    std::optional<std::int64_t> since;
    std::optional<LeaseView> lease;
    std::vector<MetricView> metrics;
};
BOOST_DESCRIBE_STRUCT(DeviceView, (), (device, state, since, lease, metrics))
}  // namespace
template <>
struct MemberDocs<DeviceView> {
    static constexpr MemberDoc list[] = {{"state", "online, stale or offline"},
                                         {"since",
                                          "when it came or went, in milliseconds of UTC since 1970: by its node's "
                                          "word, or by the hub's clock where the node itself was lost"}};
};
namespace {
struct DeviceReply {
    DeviceView device;
};
BOOST_DESCRIBE_STRUCT(DeviceReply, (), (device))
struct DeviceSummary {
    std::string device, node, state;
    std::int64_t metrics = 0;
    std::optional<LeaseView> lease;
};
BOOST_DESCRIBE_STRUCT(DeviceSummary, (), (device, node, state, metrics, lease))
struct DeviceList {
    std::vector<DeviceSummary> devices;
};
BOOST_DESCRIBE_STRUCT(DeviceList, (), (devices))

std::string state_of(const Services& services, const fleet::Device& device) {
    const auto state = services.fleet.nodes().at(device.address.node).state();
    if (state == fleet::NodeState::online && !device.is_connected) return "offline";
    return std::string(to_string(state));
}

Task<Result<DeviceList>> list_devices(Services& services, Call, Nothing) {
    DeviceList reply;
    for (const auto& address : services.fleet.devices()) {
        const auto device = services.fleet.device(address);
        reply.devices.push_back({address.to_string(), address.node.value, state_of(services, **device),
                                 static_cast<std::int64_t>((*device)->metrics.size()),
                                 lease_view(services.leases, address)});
    }
    co_return reply;
}

MetricView describe(const fleet::Device& device, const MetricInfo& metric) {
    MetricView shown;
    shown.name = metric.name;
    shown.kind = to_string(metric.kind);
    shown.type = to_string(metric.type);
    shown.unit = metric.unit;
    shown.description = metric.description;
    shown.minimum = metric.minimum;
    shown.maximum = metric.maximum;
    shown.safe_value = metric.safe_value;
    const auto latest = device.latest.find(metric.name);
    shown.quality = to_string(latest == device.latest.end() ? Quality::bad : latest->second.quality);
    if (latest == device.latest.end()) return shown;
    shown.value = latest->second.value;
    shown.time = latest->second.time.count;
    return shown;
}

Result<DeviceAddress> address_of(const Call& call) {
    return DeviceAddress::parse(call.path.at("node") + "/" + call.path.at("device"));
}

Task<Result<DeviceReply>> get_device(Services& services, Call call, Nothing) {
    auto address = address_of(call);
    if (!address) co_return std::move(address).error();
    auto device = services.fleet.device(*address);
    if (!device) co_return std::move(device).error();
    DeviceReply reply;
    reply.device.device = address->to_string();
    reply.device.state = state_of(services, **device);
    if ((*device)->since) reply.device.since = (*device)->since->count;
    reply.device.lease = lease_view(services.leases, *address);
    for (const auto& metric : (*device)->metrics) reply.device.metrics.push_back(describe(**device, metric));
    co_return reply;
}

// --- commands ------------------------------------------------------------------------------------------------------

struct SetRequest {
    std::map<std::string, Value> values;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(SetRequest, (), (values, command_id))
}  // namespace
template <>
struct MemberDocs<SetRequest> {
    static constexpr MemberDoc list[] = {
        {"values", "actuator → value in the actuator's unit; all are checked before any is applied"},
        {"command_id", "repeating a request with the same id executes it once"}};
};
namespace {
struct AppliedReading {
    std::string metric;
    Value value;
    std::int64_t time = 0;
    std::string quality;
};
BOOST_DESCRIBE_STRUCT(AppliedReading, (), (metric, value, time, quality))
struct AppliedReply {
    std::vector<AppliedReading> applied;
};
BOOST_DESCRIBE_STRUCT(AppliedReply, (), (applied))

Result<AppliedReply> applied_reply(Result<std::vector<Reading>> applied) {
    if (!applied) return std::move(applied).error();
    AppliedReply reply;
    for (auto& reading : *applied)
        reply.applied.push_back({std::move(reading.metric), std::move(reading.value), reading.time.count,
                                 std::string(to_string(reading.quality))});
    return reply;
}

Task<Result<AppliedReply>> set_values(Services& services, Call call, SetRequest request) {
    auto address = address_of(call);
    if (!address) co_return std::move(address).error();
    auto id = command_id_of(call, request.command_id);
    if (!id) co_return std::move(id).error();
    commands::Command command;
    command.id = std::move(*id);
    command.device = *address;
    command.principal = call.caller.principal();
    command.job = call.caller.job;
    for (auto& [metric, value] : request.values) command.setpoints.push_back({metric, std::move(value)});
    auto applied = co_await services.commander.apply(std::move(command));
    co_return applied_reply(std::move(applied));
}

struct HoldRequest {
    std::optional<std::string> reason;
};
BOOST_DESCRIBE_STRUCT(HoldRequest, (), (reason))
constexpr std::size_t kMaxReason = 200;

Task<Result<AppliedReply>> hold(Services& services, Call call, HoldRequest request) {
    auto address = address_of(call);
    if (!address) co_return std::move(address).error();
    if (call.caller.kind == Caller::Kind::job) {
        const auto* const lease = services.leases.find(*address);
        if (!lease || lease->holder != call.caller.principal()) {
            Error others{ErrorCode::forbidden, "a script may hold its own device only"};
            co_return others;
        }
    }
    std::string reason = printable(request.reason.value_or("asked for"), kMaxReason);
    auto applied = co_await services.commander.hold(*address, call.caller.principal(), std::move(reason));
    co_return applied_reply(std::move(applied));
}

// --- readings ------------------------------------------------------------------------------------------------------

struct SampleView {
    std::int64_t time = 0;
    std::map<std::string, Value> values;
};
BOOST_DESCRIBE_STRUCT(SampleView, (), (time, values))
struct ReadingsReply {
    std::vector<SampleView> samples;
    std::int64_t next = 0;
};
BOOST_DESCRIBE_STRUCT(ReadingsReply, (), (samples, next))
}  // namespace
template <>
struct MemberDocs<ReadingsReply> {
    static constexpr MemberDoc list[] = {{"samples", "oldest first; time in milliseconds of UTC since 1970"},
                                         {"next", "give this as ?after next time"}};
};
namespace {

Task<Result<ReadingsReply>> get_readings(Services& services, Call call, Nothing) {
    auto address = address_of(call);
    if (!address) co_return std::move(address).error();
    auto after = query_integer(call, "after", 0, 0, 1LL << 50);
    if (!after) co_return std::move(after).error();
    auto wait = query_integer(call, "wait", 0, 0, 60);
    if (!wait) co_return std::move(wait).error();
    auto limit = query_integer(call, "limit", 100, 1, static_cast<std::int64_t>(fleet::Fleet::kRecentSamples));
    if (!limit) co_return std::move(limit).error();
    const UtcMillis newer_than{*after};
    const std::chrono::seconds patience{*wait};
    auto samples =
        co_await services.fleet.samples_after(*address, newer_than, static_cast<std::size_t>(*limit), patience);
    if (!samples) co_return std::move(samples).error();
    ReadingsReply reply;
    reply.next = *after;
    for (auto& sample : *samples) {
        reply.next = sample.time.count;
        reply.samples.push_back({sample.time.count, std::move(sample.values)});
    }
    co_return reply;
}

Operation row(std::string verb, std::string path, std::string id, std::string summary,
              std::vector<QueryParameter> query = {}) {
    return Operation{std::move(verb),
                     "/api/devices" + path,
                     std::move(id),
                     "devices",
                     std::move(summary),
                     Access::user_or_job,
                     std::move(query),
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_devices(std::vector<Operation>& list) {
    const std::vector<QueryParameter> readings_query{
        {"after", "only samples newer than this, milliseconds of UTC since 1970"},
        {"wait", "seconds to wait for one, 0 to 60"},
        {"limit", "at most so many, 100 when left out"}};
    list.push_back(with_handler(row("GET", "", "listDevices", "All devices of all nodes"), &list_devices));
    list.push_back(
        with_handler(row("GET", "/{node}/{device}", "getDevice", "A device with its metrics and their latest readings"),
                     &get_device));
    list.push_back(
        with_handler(row("POST", "/{node}/{device}/set", "setDevice", "Change actuators as one step"), &set_values));
    list.push_back(with_handler(
        row("POST", "/{node}/{device}/hold", "holdDevice", "Put every actuator at its safe value"), &hold));
    list.push_back(with_handler(row("GET", "/{node}/{device}/readings", "getReadings",
                                    "The newest live samples; waits for the next one", readings_query),
                                &get_readings));
}

}  // namespace labhub::coordinator::api
