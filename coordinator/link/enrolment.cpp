#include "coordinator/link/enrolment.hpp"

#include <charconv>
#include <map>
#include <set>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::link {
namespace {

constexpr std::size_t kLargestList = 4U << 20;  // ten thousand nodes take two
constexpr std::size_t kFingerprintLength = 50;  // "SHA256:" and 43 characters of base64

/// What stands in the file for one node.
struct Entry {
    std::string id;
    std::string ssh;
    std::string host_key;
};

Result<std::uint16_t> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failure != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
        return Error{ErrorCode::malformed, "'" + printable(text, 40) + "' is not a port", "1 to 65535"};
    return static_cast<std::uint16_t>(port);
}

struct HostAndPort {
    std::string_view host;
    std::string_view port;  // with its colon; empty when left out
};

/// "host", "host:port", "[address]:port" or "[address]".
Result<HostAndPort> split_address(std::string_view text) {
    const std::string shown = "'" + printable(text, 80) + "'";
    if (text.starts_with('[')) {
        const auto closing = text.find(']');
        if (closing == std::string_view::npos)
            return Error{ErrorCode::malformed, shown + " lacks the closing ]", "[::1]:2222"};
        const HostAndPort parts{text.substr(1, closing - 1), text.substr(closing + 1)};
        if (parts.port.empty() || parts.port.starts_with(':')) return parts;
        return Error{ErrorCode::malformed, shown + " has something other than :port after ]", "[::1]:2222"};
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return HostAndPort{text, {}};
    const HostAndPort parts{text.substr(0, colon), text.substr(colon)};
    if (parts.port.find(':', 1) == std::string_view::npos) return parts;
    return Error{ErrorCode::malformed, shown + " has more than one colon",
                 "write an IPv6 address in brackets: [::1]:2222"};
}

Result<void> parse_address(std::string_view text, Enrolment& into) {
    LABHUB_TRY(const HostAndPort parts, split_address(text));
    if (parts.host.empty() || parts.host.find_first_of(" \t/@") != std::string_view::npos)
        return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' names no host", "host:port"};
    into.ssh_host = std::string(parts.host);
    if (parts.port.empty()) return {};
    LABHUB_TRY(into.ssh_port, parse_port(parts.port.substr(1)));
    return {};
}

Result<void> check_address(std::string_view text) {
    Enrolment unused;
    return parse_address(text, unused);
}

Result<void> check_fingerprint(std::string_view text) {
    if (text.starts_with("SHA256:") && text.size() == kFingerprintLength) return {};
    return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' is not a host key's fingerprint",
                 "SHA256: and 43 characters, as ssh-keygen -l prints it"};
}

config::Rule text_rule(std::string kind, std::function<Result<void>(std::string_view)> check) {
    config::Rule rule = config::required();
    rule.text_kind = std::move(kind);
    rule.text_check = std::move(check);
    return rule;
}

/// In the check of the value, where a mistake is told with its place in the file.
Result<void> check_new_id(std::set<std::string>& seen, std::string_view id) {
    LABHUB_CHECK(check_address_id("node id", id));
    if (seen.insert(std::string(id)).second) return {};
    return Error{ErrorCode::conflict, "node " + std::string(id) + " is listed twice", "each node once"};
}

/// `seen` must outlive the loading.
void describe(config::Options& options, std::vector<Entry>& entries, std::set<std::string>& seen) {
    options.list("node", &entries, "A node this lab knows", [&seen](config::Options& item, Entry& entry) {
        item.add("id", &entry.id, "The node's id, as in its agent's configuration",
                 text_rule("node id", [&seen](std::string_view id) { return check_new_id(seen, id); }));
        item.add("ssh", &entry.ssh, "Where its agent's SSH server is; port 2222 when left out",
                 text_rule("host:port", check_address));
        item.add("host_key", &entry.host_key, "The fingerprint of its SSH host key",
                 text_rule("SHA256:…", check_fingerprint));
    });
}

Result<std::vector<Enrolment>> to_enrolments(const std::vector<Entry>& entries) {
    std::vector<Enrolment> enrolments;
    for (const Entry& entry : entries) {
        Enrolment enrolment;
        enrolment.node = NodeId(entry.id);
        enrolment.host_key_fingerprint = entry.host_key;
        LABHUB_CHECK(parse_address(entry.ssh, enrolment));
        enrolments.push_back(std::move(enrolment));
    }
    return enrolments;
}

}  // namespace

Result<std::vector<Enrolment>> parse_enrolments(std::string_view text, std::string_view name) {
    std::vector<Entry> entries;
    std::set<std::string> seen;
    config::Options options;
    describe(options, entries, seen);
    LABHUB_CHECK(options.load_text(text, name));
    return to_enrolments(entries);
}

Result<std::vector<Enrolment>> read_enrolments(const std::filesystem::path& path) {
    LABHUB_TRY(const std::string text, read_file(path, kLargestList));
    return parse_enrolments(text, path.string());
}

EnrolmentChanges changes_between(const std::vector<Enrolment>& before, const std::vector<Enrolment>& after) {
    std::map<NodeId, const Enrolment*> old;
    for (const auto& one : before) old.emplace(one.node, &one);
    EnrolmentChanges changes;
    for (const auto& one : after) {
        const auto was = old.extract(one.node);
        if (was.empty())
            changes.added.push_back(one);
        else if (*was.mapped() != one)
            changes.changed.push_back(one);
    }
    for (const auto& [node, was] : old) changes.removed.push_back(node);
    return changes;
}

}  // namespace labhub::coordinator::link
