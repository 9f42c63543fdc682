#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/domain/alarms/alarm.hpp"
#include "coordinator/domain/reservations/reservation.hpp"
#include "coordinator/notify/channel.hpp"
#include "coordinator/notify/courier.hpp"

namespace labhub::coordinator::notify {

/// How many events a message lists; of more it says how many there were.
inline constexpr std::size_t kMostListed = 50;

/// "MAJOR: vial_A_temp of sim-1/vessel is at or above 45 Cel: 46.2 Cel (and 3 more)", for a mail's subject.
std::string subject_of(const std::vector<alarms::Event>& events);
/// One line an event, for people.
std::string text_of(const std::vector<alarms::Event>& events);

/// The letter by which the channel tells of these events (at least one) in one message. `now` is the date of a mail.
Letter letter_of(const Channel& channel, const std::vector<alarms::Event>& events, UtcMillis now);
Letter letter_of(const Channel& channel, const std::vector<reservations::Event>& events, UtcMillis now);

/// A header's value: control characters are gone, and what isn't ASCII is written as RFC 2047 has it.
std::string header_value(std::string_view text);

}  // namespace labhub::coordinator::notify
