#include "coordinator/link/enrolment.hpp"

#include <gtest/gtest.h>

namespace labhub::coordinator::link {
namespace {

const std::string kKey = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

std::string node(const std::string& id, const std::string& ssh, const std::string& key = kKey) {
    return "[[node]]\nid = \"" + id + "\"\nssh = \"" + ssh + "\"\nhost_key = \"" + key + "\"\n";
}

std::string failure(const std::string& text) {
    const auto parsed = parse_enrolments(text, "nodes.toml");
    return parsed ? "" : std::string(code_name(parsed.error().code)) + " " + parsed.error().to_string();
}

TEST(Enrolments, AreReadWithHostPortAndKey) {
    const auto parsed = parse_enrolments(node("sim-1", "127.0.0.1:2201") + node("sim-2", "pi.lab") + node("sim-3", "[::1]:2203"), "x");
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    const std::vector<Enrolment> expected{{NodeId("sim-1"), "127.0.0.1", 2201, kKey},
                                          {NodeId("sim-2"), "pi.lab", 2222, kKey},
                                          {NodeId("sim-3"), "::1", 2203, kKey}};
    EXPECT_EQ(*parsed, expected);
    EXPECT_EQ(parse_enrolments(format_enrolments(expected), "y").value(), expected);
}

TEST(Enrolments, MayBeNone) { EXPECT_TRUE(parse_enrolments("# nothing yet\n", "x").value().empty()); }

TEST(Enrolments, NameFileLineAndFieldOfAFault) {
    EXPECT_TRUE(failure("[[node]]\nid = \"a\"\nhost_key = \"x\"\n").starts_with("malformed nodes.toml:1: the node has no 'ssh'"));
    EXPECT_TRUE(failure("[[node]]\nid = 7\n").starts_with("malformed nodes.toml:2: 'id' is not a text"));
    EXPECT_TRUE(failure(node("a b", "h")).starts_with("malformed nodes.toml:2: id: ")) << failure(node("a b", "h"));
    EXPECT_TRUE(failure(node("a", "h:99999")).starts_with("malformed nodes.toml:3: ssh: '99999' is not a port"));
    EXPECT_TRUE(failure(node("a", "::1:22")).starts_with("malformed nodes.toml:3: ssh: "));
    EXPECT_TRUE(failure(node("a", "[::1")).starts_with("malformed nodes.toml:3: ssh: "));
    EXPECT_TRUE(failure(node("a", ":22")).starts_with("malformed nodes.toml:3: ssh: "));
    EXPECT_TRUE(failure(node("a", "h", "MD5:aa")).starts_with("malformed nodes.toml:4: host_key: 'MD5:aa'"));
    EXPECT_TRUE(failure(node("a", "h") + "port = 3\n").starts_with("malformed nodes.toml:5: unknown field 'port'"));
    EXPECT_TRUE(failure("nodes = 1\n").starts_with("malformed nodes.toml:1: unknown field 'nodes'"));
    EXPECT_TRUE(failure("node = 1\n").starts_with("malformed nodes.toml:1: 'node' is not a list"));
    EXPECT_TRUE(failure("[[node]\n").starts_with("malformed nodes.toml:1: "));
    EXPECT_TRUE(failure(node("a", "h") + node("a", "i")).starts_with("conflict nodes.toml:5: id: node a is listed twice"));
}

TEST(Enrolments, OfAMissingFileAreNotFound) {
    EXPECT_EQ(read_enrolments("/nonexistent/nodes.toml").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace labhub::coordinator::link
