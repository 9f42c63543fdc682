#include "coordinator/link/enrolment.hpp"

#include <charconv>
#include <set>
#include <sstream>

#include <toml++/toml.h>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::link {
namespace {

constexpr std::string_view kForm = R"([[node]] with id = "sim-1", ssh = "host:port", host_key = "SHA256:…")";
constexpr std::size_t kFingerprintLength = 50;  // "SHA256:" and 43 characters of base64

/// Where in which file something is wrong.
class Place {
  public:
    Place(std::string_view file, const toml::source_region& region) : text_(std::string(file) + ":" + std::to_string(region.begin.line)) {}
    Error malformed(std::string what, std::string right) const {
        return Error{ErrorCode::malformed, text_ + ": " + std::move(what), std::move(right)};
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

Result<std::string> text_field(const toml::table& table, std::string_view field, std::string_view file) {
    const auto* node = table.get(field);
    if (node == nullptr) return Place(file, table.source()).malformed("the node has no '" + std::string(field) + "'", std::string(kForm));
    const auto* text = node->as_string();
    if (text == nullptr) return Place(file, node->source()).malformed("'" + std::string(field) + "' is not a text", std::string(kForm));
    return text->get();
}

Result<std::uint16_t> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failure != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
        return Error{ErrorCode::malformed, "'" + printable(text, 40) + "' is not a port", "1 to 65535"};
    return static_cast<std::uint16_t>(port);
}

/// "host", "host:port", "[address]:port" or "[address]".
Result<void> parse_address(std::string_view text, Enrolment& into) {
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const auto closing = text.find(']');
        if (closing == std::string_view::npos)
            return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' lacks the closing ]", "[::1]:2222"};
        host = text.substr(1, closing - 1);
        port = text.substr(closing + 1);
        if (!port.empty() && !port.starts_with(':'))
            return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' has something other than :port after ]", "[::1]:2222"};
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon);
        if (port.find(':', 1) != std::string_view::npos)
            return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' has more than one colon",
                         "write an IPv6 address in brackets: [::1]:2222"};
    }
    if (host.empty() || host.find_first_of(" \t/@") != std::string_view::npos)
        return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' names no host", "host:port"};
    into.ssh_host = std::string(host);
    if (port.empty()) return {};
    LABHUB_TRY(into.ssh_port, parse_port(port.substr(1)));
    return {};
}

Result<void> check_fingerprint(std::string_view text) {
    if (text.starts_with("SHA256:") && text.size() == kFingerprintLength) return {};
    return Error{ErrorCode::malformed, "'" + printable(text, 80) + "' is not a host key's fingerprint",
                 "SHA256: and 43 characters, as ssh-keygen -l prints it"};
}

Result<Enrolment> read_node(const toml::table& table, std::string_view file) {
    for (const auto& [key, value] : table)
        if (key.str() != "id" && key.str() != "ssh" && key.str() != "host_key")
            return Place(file, value.source()).malformed("unknown field '" + printable(key.str(), 60) + "'", "id, ssh, host_key");
    LABHUB_TRY(const std::string id, text_field(table, "id", file));
    LABHUB_TRY(const std::string address, text_field(table, "ssh", file));
    LABHUB_TRY(const std::string key, text_field(table, "host_key", file));
    Enrolment enrolment;
    enrolment.node = NodeId(id);
    enrolment.host_key_fingerprint = key;
    if (auto checked = check_name("node id", id); !checked) return checked.error().within(Place(file, table.get("id")->source()).text() + ": id");
    if (auto parsed = parse_address(address, enrolment); !parsed)
        return parsed.error().within(Place(file, table.get("ssh")->source()).text() + ": ssh");
    if (auto checked = check_fingerprint(key); !checked)
        return checked.error().within(Place(file, table.get("host_key")->source()).text() + ": host_key");
    return enrolment;
}

Result<std::vector<Enrolment>> read_nodes(const toml::table& root, std::string_view file) {
    std::vector<Enrolment> enrolments;
    std::set<NodeId> seen;
    for (const auto& [key, value] : root) {
        if (key.str() != "node")
            return Place(file, value.source()).malformed("unknown field '" + printable(key.str(), 60) + "'", std::string(kForm));
        const auto* nodes = value.as_array();
        if (nodes == nullptr) return Place(file, value.source()).malformed("'node' is not a list of tables", std::string(kForm));
        for (const auto& node : *nodes) {
            const auto* table = node.as_table();
            if (table == nullptr) return Place(file, node.source()).malformed("'node' is not a list of tables", std::string(kForm));
            LABHUB_TRY(Enrolment enrolment, read_node(*table, file));
            if (!seen.insert(enrolment.node).second)
                return Error{ErrorCode::conflict, Place(file, table->source()).text() + ": id: node " + enrolment.node.value + " is listed twice"};
            enrolments.push_back(std::move(enrolment));
        }
    }
    return enrolments;
}

std::string quoted(const std::string& text) {
    std::ostringstream out;
    out << toml::value<std::string>(text);
    return out.str();
}

}  // namespace

Result<std::vector<Enrolment>> parse_enrolments(std::string_view text, std::string_view name) {
    try {
        return read_nodes(toml::parse(text, name), name);
    } catch (const toml::parse_error& error) {
        return Place(name, error.source()).malformed(std::string(error.description()), "TOML: " + std::string(kForm));
    }
}

Result<std::vector<Enrolment>> read_enrolments(const std::filesystem::path& path) {
    LABHUB_TRY(const std::string text, read_file(path, 1u << 20));
    return parse_enrolments(text, path.string());
}

std::string format_enrolments(const std::vector<Enrolment>& enrolments) {
    std::string text;
    for (const Enrolment& enrolment : enrolments) {
        const bool bare_colons = enrolment.ssh_host.find(':') != std::string::npos;
        const std::string host = bare_colons ? "[" + enrolment.ssh_host + "]" : enrolment.ssh_host;
        text += "[[node]]\nid = " + quoted(enrolment.node.value) + "\nssh = " + quoted(host + ":" + std::to_string(enrolment.ssh_port)) +
                "\nhost_key = " + quoted(enrolment.host_key_fingerprint) + "\n\n";
    }
    return text;
}

}  // namespace labhub::coordinator::link
