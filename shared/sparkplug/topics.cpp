#include "shared/sparkplug/topics.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "shared/base/text.hpp"

namespace labhub::sparkplug {
namespace {

constexpr std::string_view kNamespace = "spBv1.0";
constexpr std::string_view kState = "STATE";
constexpr std::size_t kMaxIdBytes = 255;

constexpr std::array<std::string_view, 8> kVerbs{"NBIRTH", "NDEATH", "NDATA", "NCMD",
                                                 "DBIRTH", "DDEATH", "DDATA", "DCMD"};

std::optional<MessageType> type_of(std::string_view verb) {
    const auto found = std::find(kVerbs.begin(), kVerbs.end(), verb);
    if (found == kVerbs.end()) return std::nullopt;
    return static_cast<MessageType>(found - kVerbs.begin());
}

bool is_forbidden(unsigned char c) { return c == '+' || c == '/' || c == '#' || c < 0x20 || c == 0x7f; }

/// U+0080–U+009F, the control characters that UTF-8 writes as two bytes.
bool has_c1_control(std::string_view text) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
        if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
    return false;
}

Error bad_topic(std::string_view topic, std::string_view why) {
    return Error{ErrorCode::malformed, "topic '" + printable(topic) + "' " + std::string(why),
                 "spBv1.0/group/TYPE/node or spBv1.0/group/TYPE/node/device"};
}

}  // namespace

std::string_view to_string(MessageType type) { return kVerbs[static_cast<std::size_t>(type)]; }

bool is_device_message(MessageType type) { return type >= MessageType::dbirth; }

Result<void> check_id(std::string_view what, std::string_view text) {
    const bool good = !text.empty() && text.size() <= kMaxIdBytes && text[0] != '$' && is_utf8(text) &&
                      std::none_of(text.begin(), text.end(), is_forbidden) && !has_c1_control(text);
    if (good) return {};
    return Error{ErrorCode::malformed, std::string(what) + " '" + printable(text, 64) + "' is not a valid Sparkplug id",
                 "1 to 255 bytes of UTF-8 without + / # or control characters, not beginning with $"};
}

Result<void> check_group_id(std::string_view text) {
    if (text == kState)
        return Error{ErrorCode::malformed, "a group must not be called STATE",
                     "host applications announce themselves there"};
    return check_id("group id", text);
}

Result<std::string> format_topic(const Topic& topic) {
    LABHUB_CHECK(check_group_id(topic.group));
    LABHUB_CHECK(check_id("node id", topic.node));
    const bool wants_device = is_device_message(topic.type);
    if (!wants_device && !topic.device.empty())
        return Error{ErrorCode::malformed,
                     "a message of type " + std::string(to_string(topic.type)) + " has no device id"};
    if (wants_device) LABHUB_CHECK(check_id("device id", topic.device));
    std::string text =
        std::string(kNamespace) + "/" + topic.group + "/" + std::string(to_string(topic.type)) + "/" + topic.node;
    if (wants_device) text += "/" + topic.device;
    return text;
}

Result<Topic> parse_topic(std::string_view text) {
    const auto parts = split(text, '/');
    if (parts[0] != kNamespace) return bad_topic(text, "is not in the namespace spBv1.0");
    if (parts.size() > 1 && parts[1] == kState) return bad_topic(text, "is a host's state, not a node's message");
    if (parts.size() < 4 || parts.size() > 5) return bad_topic(text, "has the wrong number of levels");
    const auto type = type_of(parts[2]);
    if (!type) return bad_topic(text, "has an unknown message type");
    const bool has_device = parts.size() == 5;
    if (has_device != is_device_message(*type))
        return bad_topic(text, has_device ? "has a device id where none belongs" : "lacks the device id");
    LABHUB_CHECK(check_group_id(parts[1]));
    LABHUB_CHECK(check_id("node id", parts[3]));
    if (has_device) LABHUB_CHECK(check_id("device id", parts[4]));
    return Topic{std::string(parts[1]), *type, std::string(parts[3]),
                 has_device ? std::string(parts[4]) : std::string{}};
}

Result<std::string> state_topic(std::string_view host_id) {
    LABHUB_CHECK(check_id("host id", host_id));
    return std::string(kNamespace) + "/" + std::string(kState) + "/" + std::string(host_id);
}

Result<std::string> group_filter(std::string_view group) {
    LABHUB_CHECK(check_group_id(group));
    return std::string(kNamespace) + "/" + std::string(group) + "/#";
}

}  // namespace labhub::sparkplug
