#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::link {

/// A node this lab knows: where its agent's SSH server is, and by which host key it is recognised.
struct Enrolment {
    NodeId node;
    std::string ssh_host;
    std::uint16_t ssh_port = 2222;
    std::string host_key_fingerprint;  ///< "SHA256:…", from `ssh-keygen -l` or the agent's first log line

    bool operator==(const Enrolment&) const = default;
};

/// The enrolment list, TOML:
///
///     [[node]]
///     id = "sim-1"
///     ssh = "127.0.0.1:2222"      # host:port; "[::1]:2222" for IPv6; port 2222 when left out
///     host_key = "SHA256:…"
///
/// Errors: malformed for syntax, unknown or missing fields and wrong values, conflict for a node listed twice, each
/// with file, line and field; not_found when there is no such file.
Result<std::vector<Enrolment>> read_enrolments(const std::filesystem::path& path);
/// The same from text; `name` stands for the file in messages.
Result<std::vector<Enrolment>> parse_enrolments(std::string_view text, std::string_view name);

/// What one list says otherwise than the one before.
struct EnrolmentChanges {
    std::vector<Enrolment> added;
    std::vector<Enrolment> changed;  ///< listed before with another address or host key
    std::vector<NodeId> removed;

    bool empty() const { return added.empty() && changed.empty() && removed.empty(); }
};
/// The order of a list means nothing.
EnrolmentChanges changes_between(const std::vector<Enrolment>& before, const std::vector<Enrolment>& after);

}  // namespace labhub::coordinator::link
