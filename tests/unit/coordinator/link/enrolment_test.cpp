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
    const auto parsed =
        parse_enrolments(node("sim-1", "127.0.0.1:2201") + node("sim-2", "pi.lab") + node("sim-3", "[::1]:2203"), "x");
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    const std::vector<Enrolment> expected{{NodeId("sim-1"), "127.0.0.1", 2201, kKey},
                                          {NodeId("sim-2"), "pi.lab", 2222, kKey},
                                          {NodeId("sim-3"), "::1", 2203, kKey}};
    EXPECT_EQ(*parsed, expected);
}

TEST(Enrolments, MayBeNone) { EXPECT_TRUE(parse_enrolments("# nothing yet\n", "x").value().empty()); }

TEST(Enrolments, NameFileLineAndFieldOfAFault) {
    const auto begins = [](const std::string& text, const std::string& with) {
        EXPECT_TRUE(failure(text).starts_with(with)) << failure(text);
    };
    begins("[[node]]\nid = \"a\"\nhost_key = \"" + kKey + "\"\n", "malformed nodes.toml:1:1: [[node]] ssh is missing");
    begins("[[node]]\nid = 7\n", "malformed nodes.toml:2:6: [[node]] id is an integer");
    begins(node("a+b", "h"), "malformed nodes.toml:2:6: [[node]] id is wrong: ");
    begins(node("a", "h:99999"), "malformed nodes.toml:3:7: [[node]] ssh is wrong: '99999' is not a port");
    begins(node("a", "::1:22"), "malformed nodes.toml:3:7: [[node]] ssh is wrong: ");
    begins(node("a", "[::1"), "malformed nodes.toml:3:7: [[node]] ssh is wrong: ");
    begins(node("a", ":22"), "malformed nodes.toml:3:7: [[node]] ssh is wrong: ");
    begins(node("a", "h", "MD5:aa"), "malformed nodes.toml:4:12: [[node]] host_key is wrong: 'MD5:aa'");
    begins(node("a", "h") + "port = 3\n", "malformed nodes.toml:5:1: [[node]] port is not a known key");
    begins("nodes = 1\n", "malformed nodes.toml:1:1: nodes is not a known key (did you mean node?)");
    begins("node = 1\n", "malformed nodes.toml:1:8: node is an integer");
    begins("[[node]\n", "malformed nodes.toml:1:");
    begins(node("a", "h") + node("a", "i"),
           "conflict nodes.toml:6:6: [[node]] id is wrong: node a is listed twice (each node once)");
}

TEST(Enrolments, MayBeOfNodesOfOtherMakes) {
    EXPECT_EQ(parse_enrolments(node("PLC 1 Süd", "plc.lab"), "x").value()[0].node, NodeId("PLC 1 Süd"));
}

TEST(Enrolments, AreComparedNodeByNode) {
    const std::string other_key = "SHA256:" + std::string(43, 'A');
    const auto list = [](const std::string& text) { return parse_enrolments(text, "x").value(); };
    const auto before = list(node("kept", "a") + node("moved", "b") + node("rekeyed", "c") + node("gone", "d"));
    const auto changes = changes_between(
        before, list(node("new", "e") + node("rekeyed", "c", other_key) + node("moved", "b:23") + node("kept", "a")));
    ASSERT_EQ(changes.added.size(), 1u);
    EXPECT_EQ(changes.added[0].ssh_host, "e");
    ASSERT_EQ(changes.changed.size(), 2u);
    EXPECT_EQ(changes.changed[0].host_key_fingerprint, other_key);
    EXPECT_EQ(changes.changed[1].ssh_port, 23);
    EXPECT_EQ(changes.removed, std::vector<NodeId>{NodeId("gone")});
    EXPECT_TRUE(
        changes_between(before, list(node("gone", "d") + node("rekeyed", "c") + node("kept", "a") + node("moved", "b")))
            .empty())
        << "the order means nothing";
    EXPECT_EQ(changes_between(before, {}).removed.size(), 4u);
}

TEST(Enrolments, OfAMissingFileAreNotFound) {
    EXPECT_EQ(read_enrolments("/nonexistent/nodes.toml").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace labhub::coordinator::link
