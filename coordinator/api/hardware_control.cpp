// Setpoints through the Bioreactor Hub's own hardware routes (contract, section 2), one at a time.
#include <array>
#include <cmath>
#include <cstdio>

#include "coordinator/api/hardware.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

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

}  // namespace

void add_hardware_control(std::vector<Operation>& list) {
    list.push_back(hardware_row("POST", "control", "control", "Any of the actuators, named in the body", &control));
    list.push_back(hardware_row("POST", "led", "setLed", "The light of the optical density measurement", &set_led));
    list.push_back(
        hardware_row("POST", "ring-light", "setRingLight", "The ring light, all of it or one pixel", &set_ring_light));
    list.push_back(hardware_row("POST", "peltier", "setPeltier", "The peltier element", &set_peltier));
    list.push_back(hardware_row("POST", "pump", "setPump", "One pump", &set_pump));
    list.push_back(hardware_row("POST", "stirrer", "setStirrer", "The stirrer", &set_stirrer));
}

}  // namespace labhub::coordinator::api
