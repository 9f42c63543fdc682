// The Bioreactor Hub's own hardware routes (contract, section 2), over the vessel profile's metric names (section 1).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "coordinator/api/operations.hpp"
#include "shared/base/text.hpp"

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

// --- commands ------------------------------------------------------------------------------------------------------

/// Applies one setpoint for the caller and returns what the device acknowledged of it.
Task<Result<Value>> set_one(Services& services, Call call, std::optional<std::string> command_id, Setpoint setpoint) {
    auto device = device_of(call, services);
    if (!device) co_return std::move(device).error();
    auto id = command_id_of(call, command_id);
    if (!id) co_return std::move(id).error();
    const std::string metric = setpoint.metric;
    commands::Command command;
    command.id = std::move(*id);
    command.device = *device;
    command.principal = call.caller.principal();
    command.job = call.caller.job;
    command.setpoints.push_back(std::move(setpoint));
    auto applied = co_await services.commander.apply(std::move(command));
    if (!applied) co_return std::move(applied).error();
    for (const auto& reading : *applied)
        if (reading.metric == metric) co_return reading.value;
    Error silent{ErrorCode::internal, "the device did not say what it applied for " + metric};
    co_return silent;
}

struct LedRequest {
    bool state = false;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(LedRequest, (), (state, command_id))
struct LedReply {
    bool led_state = false;
};
BOOST_DESCRIBE_STRUCT(LedReply, (), (led_state))

Task<Result<LedReply>> set_led(Services& services, Call call, LedRequest request) {
    Setpoint setpoint{"led", request.state};
    auto applied = co_await set_one(services, std::move(call), std::move(request.command_id), std::move(setpoint));
    if (!applied) co_return std::move(applied).error();
    co_return LedReply{as_number(*applied).value_or(0) != 0};
}

struct RingLightRequest {
    std::vector<int> color;
    std::optional<int> pixel;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(RingLightRequest, (), (color, pixel, command_id))
}  // namespace
template <>
struct MemberDocs<RingLightRequest> {
    static constexpr MemberDoc list[] = {{"color", "[red, green, blue], each 0 to 255"},
                                         {"pixel", "0 to 31; all pixels when left out"}};
};
namespace {
struct RingLightReply {
    std::vector<int> color;
    std::optional<int> pixel;
};
BOOST_DESCRIBE_STRUCT(RingLightReply, (), (color, pixel))

Result<std::string> ring_light_text(const RingLightRequest& request) {
    if (request.color.size() != 3)
        return Error{ErrorCode::malformed, "'color' has " + std::to_string(request.color.size()) + " numbers",
                     "it takes three: [red, green, blue]"};
    for (const int part : request.color)
        if (part < 0 || part > 255)
            return Error{ErrorCode::out_of_range, "'color' can't have " + std::to_string(part), "allowed: 0 to 255"};
    if (request.pixel && (*request.pixel < 0 || *request.pixel > 31))
        return Error{ErrorCode::out_of_range, "'pixel' can't be " + std::to_string(*request.pixel), "allowed: 0 to 31"};
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "#%02x%02x%02x", request.color[0], request.color[1], request.color[2]);
    return (request.pixel ? std::to_string(*request.pixel) + ":" : std::string()) + text.data();
}

Task<Result<RingLightReply>> set_ring_light(Services& services, Call call, RingLightRequest request) {
    auto text = ring_light_text(request);
    if (!text) co_return std::move(text).error();
    Setpoint setpoint{"ring_light", std::move(*text)};
    auto applied = co_await set_one(services, std::move(call), std::move(request.command_id), std::move(setpoint));
    if (!applied) co_return std::move(applied).error();
    co_return RingLightReply{std::move(request.color), request.pixel};
}

struct PeltierRequest {
    double power = 0;
    bool forward = true;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(PeltierRequest, (), (power, forward, command_id))
}  // namespace
template <>
struct MemberDocs<PeltierRequest> {
    static constexpr MemberDoc list[] = {{"power", "percent, 0 to 100"}, {"forward", "true heats, false cools"}};
};
namespace {
struct PeltierReply {
    double power = 0;
    bool forward = true;
};
BOOST_DESCRIBE_STRUCT(PeltierReply, (), (power, forward))

Task<Result<PeltierReply>> set_peltier(Services& services, Call call, PeltierRequest request) {
    if (!(request.power >= 0 && request.power <= 100)) {
        Error outside{ErrorCode::out_of_range, "'power' can't be " + format_number(request.power),
                      "allowed: 0 to 100 %"};
        co_return outside;
    }
    Setpoint setpoint{"peltier", request.forward ? request.power : -request.power};
    auto applied = co_await set_one(services, std::move(call), std::move(request.command_id), std::move(setpoint));
    if (!applied) co_return std::move(applied).error();
    co_return PeltierReply{std::abs(as_number(*applied).value_or(0)), request.forward};
}

struct PumpRequest {
    std::string pump_name;
    double ml_per_sec = 0;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(PumpRequest, (), (pump_name, ml_per_sec, command_id))
}  // namespace
template <>
struct MemberDocs<PumpRequest> {
    static constexpr MemberDoc list[] = {{"pump_name", "A_in, A_out, … D_out"}, {"ml_per_sec", "mL/s, at least 0"}};
};
namespace {
struct PumpReply {
    std::string pump;
    double flow_rate_ml_s = 0;
};
BOOST_DESCRIBE_STRUCT(PumpReply, (), (pump, flow_rate_ml_s))

Task<Result<PumpReply>> set_pump(Services& services, Call call, PumpRequest request) {
    Setpoint setpoint{"pump_" + request.pump_name, request.ml_per_sec};
    auto applied = co_await set_one(services, std::move(call), std::move(request.command_id), std::move(setpoint));
    if (!applied) co_return std::move(applied).error();
    co_return PumpReply{std::move(request.pump_name), as_number(*applied).value_or(0)};
}

struct StirrerRequest {
    double duty_cycle = 0;
    std::optional<std::string> command_id;
};
BOOST_DESCRIBE_STRUCT(StirrerRequest, (), (duty_cycle, command_id))
}  // namespace
template <>
struct MemberDocs<StirrerRequest> {
    static constexpr MemberDoc list[] = {{"duty_cycle", "percent, 0 to 100"}};
};
namespace {
struct StirrerReply {
    double duty_cycle = 0;
};
BOOST_DESCRIBE_STRUCT(StirrerReply, (), (duty_cycle))

Task<Result<StirrerReply>> set_stirrer(Services& services, Call call, StirrerRequest request) {
    Setpoint setpoint{"stirrer", request.duty_cycle};
    auto applied = co_await set_one(services, std::move(call), std::move(request.command_id), std::move(setpoint));
    if (!applied) co_return std::move(applied).error();
    co_return StirrerReply{as_number(*applied).value_or(0)};
}

struct ControlRequest {
    std::string endpoint;
    boost::json::value data;
};
BOOST_DESCRIBE_STRUCT(ControlRequest, (), (endpoint, data))
}  // namespace
template <>
struct MemberDocs<ControlRequest> {
    static constexpr MemberDoc list[] = {{"endpoint", "led, ring-light, peltier, pump or stirrer"},
                                         {"data", "the body of that route"}};
};
namespace {

/// The specific route's own decoding and answer, for a body that came inside another.
template <class Request, class Reply>
Task<Result<http::Response>> control_with(Task<Result<Reply>> (*handler)(Services&, Call, Request), Services& services,
                                          Call call, boost::json::value data) {
    auto request = decode<Request>(data, "data");
    if (!request) co_return std::move(request).error();
    auto reply = co_await handler(services, std::move(call), std::move(*request));
    if (!reply) co_return std::move(reply).error();
    co_return success(encode(*reply));
}

Task<Result<http::Response>> control(Services& services, Call call, ControlRequest request) {
    auto& data = request.data;
    if (request.endpoint == "led")
        co_return co_await control_with(&set_led, services, std::move(call), std::move(data));
    if (request.endpoint == "ring-light")
        co_return co_await control_with(&set_ring_light, services, std::move(call), std::move(data));
    if (request.endpoint == "peltier")
        co_return co_await control_with(&set_peltier, services, std::move(call), std::move(data));
    if (request.endpoint == "pump")
        co_return co_await control_with(&set_pump, services, std::move(call), std::move(data));
    if (request.endpoint == "stirrer")
        co_return co_await control_with(&set_stirrer, services, std::move(call), std::move(data));
    Error unknown{ErrorCode::malformed, "there is no endpoint '" + printable(request.endpoint, 40) + "'",
                  "one of: led, ring-light, peltier, pump, stirrer"};
    co_return unknown;
}

const std::vector<QueryParameter> kDevice{
    {"device", "node/device; the caller's leased device, else the only one there is, when left out"}};

template <class Request, class Reply>
Operation row(std::string verb, std::string path, std::string id, std::string summary,
              Task<Result<Reply>> (*handler)(Services&, Call, Request)) {
    return with_handler(Operation{std::move(verb),
                                  "/api/hardware/" + path,
                                  std::move(id),
                                  "hardware",
                                  std::move(summary),
                                  Access::user_or_job,
                                  kDevice,
                                  {},
                                  {},
                                  "application/json",
                                  {}},
                        handler);
}

}  // namespace

void add_hardware(std::vector<Operation>& list) {
    list.push_back(row("GET", "status", "getHardwareStatus", "Whether the hardware can be used, and which parts of it",
                       &get_status));
    list.push_back(row("GET", "sensors", "getSensors", "All sensors of the vessel", &get_sensors));
    list.push_back(
        row("GET", "sensors/photodiodes", "getPhotodiodes", "The photodiodes, with their names", &get_photodiodes));
    list.push_back(
        row("GET", "sensors/temperature", "getTemperatures", "The temperatures, with their names", &get_temperatures));
    list.push_back(row("GET", "sensors/current", "getCurrent", "The current of the peltier element", &get_current));
    list.push_back(row("POST", "control", "control", "Any of the actuators, named in the body", &control));
    list.push_back(row("POST", "led", "setLed", "The light of the optical density measurement", &set_led));
    list.push_back(
        row("POST", "ring-light", "setRingLight", "The ring light, all of it or one pixel", &set_ring_light));
    list.push_back(row("POST", "peltier", "setPeltier", "The peltier element", &set_peltier));
    list.push_back(row("POST", "pump", "setPump", "One pump", &set_pump));
    list.push_back(row("POST", "stirrer", "setStirrer", "The stirrer", &set_stirrer));
}

}  // namespace labhub::coordinator::api
