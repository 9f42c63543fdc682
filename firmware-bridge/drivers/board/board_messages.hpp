#pragma once

#include <string>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"
#include "shared/proto/board.pb.h"

namespace labhub::firmware_bridge {

/// The protocol version of shared/proto/board.proto.
inline constexpr unsigned kBoardProtocol = 1;
/// A board takes this many numbers in one Write: shared/proto/board.options.
inline constexpr std::size_t kMaxNumbersInWrite = 24;

/// What the board says of one channel as a metric. Error corrupt for a channel no agent could show: a name
/// that breaks check_name, limits or a safe value that contradict each other.
Result<MetricInfo> to_metric(const labhub::board::Channel& channel);

/// Setpoints as a Write, by position in `metrics`. Limits are left to the board, which checks them whoever
/// asks. Errors: not_found, malformed (another type), too_many past what a board takes at once, too_large for
/// a text it can't hold.
Result<labhub::board::Write> to_write(const std::vector<MetricInfo>& metrics, const std::vector<Setpoint>& setpoints);

/// A number from the wire as a value of the metric's type; no value for what is not finite.
Value to_value(const MetricInfo& metric, double number);

/// One value for each of `metrics` as readings of `time`; where there is none, its quality is bad.
std::vector<Reading> to_readings(const std::vector<MetricInfo>& metrics, std::vector<Value> values, UtcMillis time);
/// The outputs the board answers for. Error corrupt for a channel `metrics` doesn't have.
Result<std::vector<Reading>> to_readings(const std::vector<MetricInfo>& metrics, const labhub::board::Applied& applied,
                                         UtcMillis time);

/// The board's refusal as an error of ours: "the board refused: stirrer: outside the channel's limits".
Error to_error(const labhub::board::Failure& failure);

}  // namespace labhub::firmware_bridge
