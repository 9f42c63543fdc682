#include "coordinator/domain/jobs/device_choice.hpp"

#include <algorithm>

namespace labhub::coordinator::jobs {
namespace {

/// Choices that are remembered; jobs whose needs nobody shares are cheap to choose for again.
constexpr std::size_t kMostRemembered = 10'000;

bool has_metric(const fleet::Device& device, const std::string& name, bool must_be_actuator) {
    return std::any_of(device.metrics.begin(), device.metrics.end(), [&](const MetricInfo& metric) {
        return metric.name == name && (!must_be_actuator || metric.kind == MetricKind::actuator);
    });
}

bool has_all(const fleet::Device& device, const Needs& needs) {
    const auto has = [&](bool must_be_actuator) {
        return
            [&device, must_be_actuator](const std::string& name) { return has_metric(device, name, must_be_actuator); };
    };
    return std::all_of(needs.metrics.begin(), needs.metrics.end(), has(false)) &&
           std::all_of(needs.actuators.begin(), needs.actuators.end(), has(true));
}

}  // namespace

std::shared_ptr<const DeviceChoice> DeviceChoices::of(const Needs& needs) {
    if (changes_ != fleet_.changes() || made_.size() > kMostRemembered) made_.clear();
    changes_ = fleet_.changes();
    auto& choice = made_[needs];
    if (!choice) choice = std::make_shared<const DeviceChoice>(choose(needs));
    return choice;
}

Result<void> DeviceChoices::check_named(const Needs& needs) const {
    for (const auto& address : needs.devices) {
        const auto known = fleet_.device(address);
        // A node that hasn't said yet which devices it has may well have this one.
        if (!known && known.error().code == ErrorCode::not_found) return known.error();
    }
    return {};
}

DeviceChoice DeviceChoices::choose(const Needs& needs) const {
    DeviceChoice choice;
    if (needs.names_its_device()) {
        choice.devices = needs.devices;
        return choice;
    }
    for (const auto& address : needs.devices.empty() ? fleet_.devices() : needs.devices) {
        const auto device = fleet_.device(address);
        if (device && has_all(**device, needs)) choice.devices.push_back(address);
    }
    if (choice.devices.empty()) choice.why_none = why_none(needs);
    return choice;
}

std::string DeviceChoices::why_none(const Needs& needs) const {
    const auto devices = needs.devices.empty() ? fleet_.devices() : needs.devices;
    const std::string which = needs.devices.empty() ? "no device has " : "none of those it names has ";
    const auto nobody_has = [&](const std::string& name, bool must_be_actuator) {
        return std::none_of(devices.begin(), devices.end(), [&](const DeviceAddress& address) {
            const auto device = fleet_.device(address);
            return device && has_metric(**device, name, must_be_actuator);
        });
    };
    for (const auto& name : needs.metrics)
        if (nobody_has(name, false)) return which + "metric '" + name + "'";
    for (const auto& name : needs.actuators)
        if (nobody_has(name, true)) return which + "actuator '" + name + "'";
    if (needs.metrics.empty() && needs.actuators.empty()) return "none of those it names has been heard of";
    return which + "all of it";
}

}  // namespace labhub::coordinator::jobs
