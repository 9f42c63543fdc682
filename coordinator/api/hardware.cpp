// The Bioreactor Hub's own hardware routes (contract, section 2), over the vessel profile's metric names (section 1):
// what is there, and its readings.
#include "coordinator/api/hardware.hpp"

#include <algorithm>
#include <array>

#include "coordinator/api/operations.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::array<std::string_view, 12> kPhotodiodes{"vial_A_180_degree", "vial_A_135_degree", "vial_B_180_degree",
                                                        "vial_B_135_degree", "vial_C_180_degree", "vial_C_135_degree",
                                                        "vial_D_180_degree", "vial_D_135_degree", "vial_A_reference",
                                                        "vial_B_reference",  "vial_C_reference",  "vial_D_reference"};
constexpr std::array<std::string_view, 4> kVialTemperatures{"vial_A_temp", "vial_B_temp", "vial_C_temp", "vial_D_temp"};
constexpr std::array<std::string_view, 2> kIoTemperatures{"io_temp_in", "io_temp_out"};
constexpr std::string_view kCurrent = "peltier_current";

using Numbers = std::vector<std::optional<double>>;

std::vector<std::string> labels(std::span<const std::string_view> names) { return {names.begin(), names.end()}; }

std::optional<double> number_of(const fleet::Device& device, std::string_view metric) {
    const auto found = device.latest.find(std::string(metric));
    if (found == device.latest.end() || !is_usable(found->second.quality)) return std::nullopt;
    return as_number(found->second.value);
}

Numbers numbers_of(const fleet::Device& device, std::span<const std::string_view> metrics) {
    Numbers numbers;
    for (const auto metric : metrics) numbers.push_back(number_of(device, metric));
    return numbers;
}

/// The device to read, which must be there: what a device said before it went away is not a reading.
Result<const fleet::Device*> readable_device(const Call& call, const Services& services) {
    LABHUB_TRY(const auto address, device_of(call, services));
    LABHUB_TRY(const fleet::Device* const device, services.fleet.device(address));
    const auto& node = services.fleet.nodes().at(address.node);
    if (node.state() == fleet::NodeState::offline)
        return Error{ErrorCode::unavailable, "node " + node.id.value + " is offline", node.reason};
    if (!device->is_connected)
        return Error{ErrorCode::unavailable, "device " + address.to_string() + " is not connected to its node",
                     device->problem};
    return device;
}

UtcMillis newest_time(const fleet::Device& device) {
    UtcMillis newest{};
    for (const auto& [metric, reading] : device.latest) newest = std::max(newest, reading.time);
    return newest;
}

// --- what is there -------------------------------------------------------------------------------------------------

struct HardwareStatus {
    std::string status = "operational";
    std::string device;
    bool hardware_available = false;
    std::map<std::string, bool> initialized_components;
};
BOOST_DESCRIBE_STRUCT(HardwareStatus, (), (status, device, hardware_available, initialized_components))

Task<Result<HardwareStatus>> get_status(Services& services, Call call, Nothing) {
    auto address = device_of(call, services);
    if (!address) co_return std::move(address).error();
    auto device = services.fleet.device(*address);
    if (!device) co_return std::move(device).error();
    HardwareStatus reply;
    reply.device = address->to_string();
    reply.hardware_available = services.fleet.reach(*address).has_value();
    if (!reply.hardware_available) reply.status = "unavailable";
    const auto has = [&](std::string_view prefix) {
        return reply.hardware_available &&
               std::any_of((*device)->metrics.begin(), (*device)->metrics.end(),
                           [&](const MetricInfo& metric) { return metric.name.starts_with(prefix); });
    };
    reply.initialized_components = {{"leds", has("led")},
                                    {"pumps", has("pump_")},
                                    {"ring_light", has("ring_light")},
                                    {"optical_density", has("vial_A_180_degree")},
                                    {"temp", has("vial_A_temp")},
                                    {"peltier", has("peltier")},
                                    {"peltier_current", has("peltier_current")},
                                    {"stirrer", has("stirrer")}};
    co_return reply;
}

// --- readings ------------------------------------------------------------------------------------------------------

struct Sensors {
    Numbers photodiodes, vial_temperatures, io_temperatures;
    std::optional<double> peltier_current;
    std::string timestamp;
    std::string device;
};
BOOST_DESCRIBE_STRUCT(Sensors, (),
                      (photodiodes, vial_temperatures, io_temperatures, peltier_current, timestamp, device))
}  // namespace
template <>
struct MemberDocs<Sensors> {
    static constexpr MemberDoc list[] = {
        {"photodiodes",
         "12 voltages in V, in the order of /api/hardware/sensors/photodiodes; null where none could be had"},
        {"vial_temperatures", "4 temperatures in degrees Celsius, vials A to D"},
        {"io_temperatures", "2 voltages in V, in and out"},
        {"peltier_current", "A"},
        {"timestamp", "when the newest of them was measured, RFC 3339 UTC"}};
};
namespace {

Task<Result<Sensors>> get_sensors(Services& services, Call call, Nothing) {
    auto device = readable_device(call, services);
    if (!device) co_return std::move(device).error();
    Sensors reply;
    reply.photodiodes = numbers_of(**device, kPhotodiodes);
    reply.vial_temperatures = numbers_of(**device, kVialTemperatures);
    reply.io_temperatures = numbers_of(**device, kIoTemperatures);
    reply.peltier_current = number_of(**device, kCurrent);
    reply.timestamp = to_rfc3339(newest_time(**device));
    reply.device = (*device)->address.to_string();
    co_return reply;
}

struct Photodiodes {
    Numbers readings;
    std::vector<std::string> labels;
};
BOOST_DESCRIBE_STRUCT(Photodiodes, (), (readings, labels))

Task<Result<Photodiodes>> get_photodiodes(Services& services, Call call, Nothing) {
    auto device = readable_device(call, services);
    if (!device) co_return std::move(device).error();
    co_return Photodiodes{numbers_of(**device, kPhotodiodes), labels(kPhotodiodes)};
}

struct Temperatures {
    Numbers vial_temperatures, io_temperatures;
    std::vector<std::string> vial_labels, io_labels;
};
BOOST_DESCRIBE_STRUCT(Temperatures, (), (vial_temperatures, io_temperatures, vial_labels, io_labels))

Task<Result<Temperatures>> get_temperatures(Services& services, Call call, Nothing) {
    auto device = readable_device(call, services);
    if (!device) co_return std::move(device).error();
    co_return Temperatures{numbers_of(**device, kVialTemperatures), numbers_of(**device, kIoTemperatures),
                           labels(kVialTemperatures), labels(kIoTemperatures)};
}

struct Current {
    std::optional<double> peltier_current;
    std::string label = std::string(kCurrent);
};
BOOST_DESCRIBE_STRUCT(Current, (), (peltier_current, label))

Task<Result<Current>> get_current(Services& services, Call call, Nothing) {
    auto device = readable_device(call, services);
    if (!device) co_return std::move(device).error();
    Current reply;
    reply.peltier_current = number_of(**device, kCurrent);
    co_return reply;
}

}  // namespace

Operation hardware_operation(std::string verb, std::string path, std::string id, std::string summary) {
    const std::vector<QueryParameter> query{
        {"device", "node/device; the caller's leased device, else the only one there is, when left out"}};
    return Operation{std::move(verb),
                     "/api/hardware/" + path,
                     std::move(id),
                     "hardware",
                     std::move(summary),
                     Access::user_or_job,
                     query,
                     {},
                     {},
                     "application/json",
                     {}};
}

void add_hardware(std::vector<Operation>& list) {
    list.push_back(hardware_row("GET", "status", "getHardwareStatus",
                                "Whether the hardware can be used, and which parts of it", &get_status));
    list.push_back(hardware_row("GET", "sensors", "getSensors", "All sensors of the vessel", &get_sensors));
    list.push_back(hardware_row("GET", "sensors/photodiodes", "getPhotodiodes", "The photodiodes, with their names",
                                &get_photodiodes));
    list.push_back(hardware_row("GET", "sensors/temperature", "getTemperatures", "The temperatures, with their names",
                                &get_temperatures));
    list.push_back(
        hardware_row("GET", "sensors/current", "getCurrent", "The current of the peltier element", &get_current));
    add_hardware_control(list);
}

}  // namespace labhub::coordinator::api
