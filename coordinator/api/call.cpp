#include "coordinator/api/call.hpp"

#include <charconv>

#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

Result<DeviceAddress> only_device(const Services& services) {
    const auto devices = services.fleet.devices();
    if (devices.size() == 1) return devices.front();
    if (devices.empty()) return Error{ErrorCode::unavailable, "there is no device yet", "no node has announced one"};
    std::string choices;
    for (const auto& device : devices) choices += (choices.empty() ? "" : ", ") + device.to_string();
    return Error{ErrorCode::conflict, "there are several devices: say which one with ?device=node/device",
                 "there are: " + choices};
}

}  // namespace

Result<DeviceAddress> device_of(const Call& call, const Services& services, const std::optional<std::string>& named) {
    std::optional<std::string> wanted = named;
    if (const auto query = call.request.query_value("device"); query && !wanted) wanted = std::string(*query);
    if (wanted) {
        LABHUB_TRY(auto address, DeviceAddress::parse(*wanted));
        LABHUB_TRY([[maybe_unused]] const auto* const known, services.fleet.device(address));
        return address;
    }
    if (call.caller.kind == Caller::Kind::job) {
        LABHUB_TRY(const jobs::Job* const job, services.jobs.find(call.caller.job));
        return job->device;
    }
    return only_device(services);
}

Result<DeviceAddress> device_of(const Call& call, const Services& services) {
    return device_of(call, services, std::nullopt);
}

Result<CommandId> command_id_of(const Call& call, const std::optional<std::string>& given) {
    if (!given) return CommandId{};
    LABHUB_CHECK(check_name("command_id", *given));
    return CommandId{call.caller.principal() + "/" + *given};
}

Result<std::int64_t> query_integer(const Call& call, std::string_view name, std::int64_t otherwise,
                                   std::int64_t minimum, std::int64_t maximum) {
    const auto text = call.request.query_value(name);
    if (!text) return otherwise;
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failure != std::errc{} || end != text->data() + text->size())
        return Error{ErrorCode::malformed,
                     "?" + std::string(name) + "=" + printable(*text, 40) + " is not a whole number"};
    if (number < minimum || number > maximum)
        return Error{ErrorCode::out_of_range, "?" + std::string(name) + "=" + std::string(*text) + " is out of range",
                     "allowed: " + std::to_string(minimum) + " to " + std::to_string(maximum)};
    return number;
}

}  // namespace labhub::coordinator::api
