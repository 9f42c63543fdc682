#pragma once

#include <string>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"
#include "shared/proto/board.pb.h"

namespace labhub::firmware_bridge {

/// The protocol version of shared/proto/board.proto.
inline constexpr unsigned kBoardProtocol = 1;

/// What the board says of one channel as a metric. Error corrupt for a channel no agent could show: a name
/// that breaks check_name, limits or a safe value that contradict each other.
Result<MetricInfo> to_metric(const labhub::board::Channel& channel);

/// Setpoints as a Write, by position in `metrics`. Limits are left to the board, which checks them whoever
/// asks. Errors: not_found, malformed (another type), too_many past what a board takes at once, too_large for
/// a text it can't hold.
Result<labhub::board::Write> to_write(const std::vector<MetricInfo>& metrics, const std::vector<Setpoint>& setpoints);

/// Every channel as a reading of `time`; what the board could not measure has no value and quality bad. Error
/// corrupt when the number of channels is not that of `metrics`.
Result<std::vector<Reading>> to_readings(const std::vector<MetricInfo>& metrics, const labhub::board::ReadReply& reply,
                                         UtcMillis time);
/// The outputs the board answers for. Error corrupt for a channel `metrics` doesn't have.
Result<std::vector<Reading>> to_readings(const std::vector<MetricInfo>& metrics, const labhub::board::Applied& applied,
                                         UtcMillis time);

/// The board's refusal as an error of ours: "the board refused: stirrer: outside the channel's limits".
Error to_error(const labhub::board::Failure& failure);

}  // namespace labhub::firmware_bridge
