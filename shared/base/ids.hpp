#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub {

/// An identifier that can't be mistaken for another kind of identifier.
template <class Tag>
struct Id {
    std::string value;

    Id() = default;
    explicit Id(std::string text) : value(std::move(text)) {}
    bool empty() const { return value.empty(); }
    auto operator<=>(const Id&) const = default;
};

using NodeId = Id<struct NodeTag>;        ///< a machine with an agent; the Sparkplug edge node id
using LeaseId = Id<struct LeaseTag>;      ///< one exclusive right over one device or node
using JobId = Id<struct JobTag>;          ///< one program in one sandbox; an experiment's id
using CommandId = Id<struct CommandTag>;  ///< one request to change actuators; executes once

/// A device of a node, written `node/device` wherever people meet it.
struct DeviceAddress {
    NodeId node;
    std::string device;

    std::string to_string() const { return node.value + "/" + device; }
    auto operator<=>(const DeviceAddress&) const = default;
    /// From `node/device`, each as check_address_id has it. Error malformed: says what is wrong with the text.
    static Result<DeviceAddress> parse(std::string_view text);
};

/// Whether text may be a name that is ours to give (jobs, rules, commands, an agent's own node, devices and metrics):
/// 1–64 of letters, digits, `_`, `-`, `.`, not beginning with `.` or `-`, so that it can also be a file, a URL segment
/// and a word of a command line as it is. Error malformed, with `what` ("node id") in the message.
Result<void> check_name(std::string_view what, std::string_view text);

inline constexpr std::size_t kMaxForeignName = 128;  ///< bytes of a name others have given

/// Whether text may be the id of a node or device of any make: 1–128 bytes of UTF-8 without + / # (which Sparkplug
/// forbids) and control characters, not beginning with `.`, `-` or `$`, no blank at an end. It may hold blanks and
/// letters of any script: quote or encode it where it goes, and never make a file's name of it. Error malformed, with
/// `what` in the message.
Result<void> check_address_id(std::string_view what, std::string_view text);

/// Whether text may be the name of a metric of any make: 1–128 bytes of UTF-8 without control characters; "Inputs/A",
/// "Supply Voltage". Quote or encode it where it goes, and never make a file's name of it. Error malformed.
Result<void> check_metric_name(std::string_view text);

/// 128 random bits as 26 lower-case base-32 characters, beginning with the time so that ids sort by age.
std::string new_id();

}  // namespace labhub

template <class Tag>
struct std::hash<labhub::Id<Tag>> {
    std::size_t operator()(const labhub::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.value); }
};
template <>
struct std::hash<labhub::DeviceAddress> {
    std::size_t operator()(const labhub::DeviceAddress& a) const noexcept {
        return std::hash<std::string>{}(a.node.value) * 31 + std::hash<std::string>{}(a.device);
    }
};
