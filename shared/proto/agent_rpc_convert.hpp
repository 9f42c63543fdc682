#pragma once

#include <vector>

#include "shared/base/error.hpp"
#include "shared/base/value.hpp"
#include "shared/proto/agent_rpc.pb.h"

/// Between agent_rpc.proto's messages and the project's own types. What comes from the wire is untrusted: numbers that
/// aren't finite become "no value", unknown qualities become bad, unknown error codes `internal`.
namespace labhub::rpc {

/// The protocol number both ends say in Hello.
inline constexpr std::uint32_t kProtocol = 1;
/// The SSH subsystem the conversation runs over.
inline constexpr const char* kSubsystem = "labhub-rpc";

using Readings = google::protobuf::RepeatedPtrField<Reading>;
using Setpoints = google::protobuf::RepeatedPtrField<Setpoint>;

Value to_rpc(const labhub::Value& value);
labhub::Value from_rpc(const Value& value);

Reading to_rpc(const labhub::Reading& reading);
labhub::Reading from_rpc(const Reading& reading);
Readings to_rpc(const std::vector<labhub::Reading>& readings);
std::vector<labhub::Reading> from_rpc(const Readings& readings);

Setpoint to_rpc(const labhub::Setpoint& setpoint);
labhub::Setpoint from_rpc(const Setpoint& setpoint);
Setpoints to_rpc(const std::vector<labhub::Setpoint>& setpoints);
std::vector<labhub::Setpoint> from_rpc(const Setpoints& setpoints);

Failure to_rpc(const Error& error);
Error from_rpc(const Failure& failure);

}  // namespace labhub::rpc
