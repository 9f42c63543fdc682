#include "coordinator/api/needs_body.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

Result<std::vector<std::string>> names_in(const json::value& given) {
    if (given.is_string()) return std::vector<std::string>{std::string(given.get_string())};
    return decode<std::vector<std::string>>(given, "config.needs.device");
}

}  // namespace

Result<jobs::Needs> needs_of(const NeedsBody& body, const std::optional<std::string>& named) {
    jobs::Needs needs;
    if (body.device && named)
        return Error{ErrorCode::malformed, "the device is named twice",
                     "either 'config.device' (or ?device=) or 'config.needs.device'"};
    std::vector<std::string> names;
    if (named) names.push_back(*named);
    if (body.device) {
        LABHUB_TRY(names, names_in(*body.device));
    }
    for (const auto& name : names) {
        LABHUB_TRY(auto device, DeviceAddress::parse(name));
        needs.devices.push_back(std::move(device));
    }
    if (body.metrics) needs.metrics = *body.metrics;
    if (body.actuators) needs.actuators = *body.actuators;
    if (needs.empty())
        return Error{ErrorCode::malformed, "'config.needs' asks for nothing",
                     "name metrics, actuators or devices, or leave it out"};
    LABHUB_CHECK(jobs::check_needs(needs));
    return needs;
}

NeedsView view_of(const jobs::Needs& needs) {
    NeedsView shown;
    for (const auto& device : needs.devices) shown.devices.push_back(device.to_string());
    shown.metrics = needs.metrics;
    shown.actuators = needs.actuators;
    return shown;
}

}  // namespace labhub::coordinator::api
