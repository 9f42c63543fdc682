#pragma once

#include <cstddef>
#include <string_view>

namespace labhub::mqtt {

/// A QoS 0 PUBLISH of MQTT 3.1.1 (section 3.3) where it lies in the bytes received.
struct PlainMessage {
    std::size_t size = 0;  ///< bytes of the whole packet; 0: the bytes don't begin with one that is whole and right
    std::string_view topic;
    std::string_view payload;
    bool retained = false;
};
/// What is anything else (another packet, a part of one, a topic that is no UTF-8, a QoS 0 message said to be a
/// repetition) has size 0: libmosquitto is to judge it. A length in more bytes than it needs is read as the library
/// reads it. Not for MQTT 5, where properties follow the topic.
PlainMessage plain_message_at(std::string_view bytes);

}  // namespace labhub::mqtt
