#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::sparkplug {

/// The verbs of Sparkplug B 3.0, chapter 4. N*: of the edge node itself; D*: of one of its devices.
enum class MessageType { nbirth, ndeath, ndata, ncmd, dbirth, ddeath, ddata, dcmd };

/// "NBIRTH", as it stands in the topic.
std::string_view to_string(MessageType type);
/// Whether a topic of this type carries a device id (topic-structure-namespace-device-id-associated-message-types).
bool is_device_message(MessageType type);

/// spBv1.0/group/TYPE/node[/device]. `device` is empty exactly for the node's own messages.
struct Topic {
    std::string group;
    MessageType type = MessageType::ndata;
    std::string node;
    std::string device;

    bool operator==(const Topic&) const = default;
};

/// Whether text may be a group, edge node or device id: UTF-8, 1–255 bytes, none of + / # and (beyond the
/// specification) no control characters and no leading $. Error malformed, with `what` ("group id") in the message.
Result<void> check_id(std::string_view what, std::string_view text);
/// The same for a group id, which must not be STATE either: a host's state topic has that shape.
Result<void> check_group_id(std::string_view text);

/// Error malformed for ids check_id refuses, and for a device id where none belongs or the reverse.
Result<std::string> format_topic(const Topic& topic);
/// Error malformed says which part is wrong. A host's STATE topic is an error too: see state_topic.
Result<Topic> parse_topic(std::string_view text);

/// spBv1.0/STATE/<host>, where a host application announces itself (host-topic-phid-birth-topic).
Result<std::string> state_topic(std::string_view host_id);
/// The filter for all messages of one group: spBv1.0/<group>/#.
Result<std::string> group_filter(std::string_view group);

}  // namespace labhub::sparkplug
