#include "shared/ssh/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/base/files.hpp"
#include "tests/unit/shared/ssh/ssh_fixture.hpp"

namespace labhub::ssh::testing {
namespace {

TEST(Keys, AreMadeOnceReadableByTheirOwnerOnly) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "key";
    const auto made = load_or_create_key(path);
    ASSERT_TRUE(made) << made.error().to_string();
    EXPECT_EQ(made->type, "ssh-ed25519");
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    const auto again = load_or_create_key(path);
    ASSERT_TRUE(again);
    EXPECT_EQ(*made, *again);
}

TEST(Keys, AreReadByOpenSshWithTheSameFingerprint) {
    const TemporaryFolder folder;
    const auto path = (folder.path() / "key").string();
    const auto made = load_or_create_key(path);
    ASSERT_TRUE(made);
    const auto shown = run_process(folder.path(), {"ssh-keygen", "-y", "-P", "", "-f", path});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(PublicKey::parse(shown.out).value(), *made);
    const auto listed = run_process(folder.path(), {"ssh-keygen", "-l", "-f", path});
    EXPECT_NE(listed.out.find(" " + made->fingerprint() + " "), std::string::npos) << listed.out;
}

TEST(Keys, OfOpenSshAreReadWithTheirFingerprint) {
    const TemporaryFolder folder;
    for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
        const auto path = (folder.path() / type).string();
        ASSERT_EQ(
            run_process(folder.path(), {"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "ada@lab", "-f", path}).status,
            0);
        const auto key = PublicKey::parse(read_file(path + ".pub").value());
        ASSERT_TRUE(key) << key.error().to_string();
        EXPECT_EQ(key->comment, "ada@lab");
        EXPECT_EQ(load_or_create_key(path).value(), *key);
        const auto listed = run_process(folder.path(), {"ssh-keygen", "-l", "-f", path + ".pub"});
        EXPECT_NE(listed.out.find(" " + key->fingerprint() + " "), std::string::npos) << listed.out;
        EXPECT_EQ(PublicKey::parse(key->to_string()).value(), *key);
    }
}

TEST(Keys, ReadableByOthersAreRefused) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "key";
    ASSERT_TRUE(load_or_create_key(path));
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    const auto refused = load_or_create_key(path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::forbidden);
    EXPECT_EQ(refused.error().detail, "chmod 600 " + path.string());
}

TEST(Keys, WithAPassphraseOrDamagedAreRefused) {
    const TemporaryFolder folder;
    const auto locked = (folder.path() / "locked").string();
    ASSERT_EQ(run_process(folder.path(), {"ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked}).status,
              0);
    EXPECT_EQ(load_or_create_key(locked).error().code, ErrorCode::malformed);
    const auto garbage = folder.path() / "garbage";
    ASSERT_TRUE(write_file(garbage, "not a key", 0600));
    EXPECT_EQ(load_or_create_key(garbage).error().code, ErrorCode::malformed);
}

TEST(Keys, LinesThatAreNoKeysSayWhatIsWrong) {
    EXPECT_EQ(PublicKey::parse("").error().code, ErrorCode::malformed);
    EXPECT_EQ(PublicKey::parse("ssh-ed25519").error().code, ErrorCode::malformed);
    EXPECT_EQ(PublicKey::parse("ssh-ed25519 AAAAnonsense ada").error().code, ErrorCode::malformed);
    EXPECT_EQ(PublicKey::parse("no-pty ssh-ed25519 AAAA").error().code, ErrorCode::malformed);
    EXPECT_EQ(PublicKey::parse("ssh-ed25519-cert-v01@openssh.com AAAA").error().code, ErrorCode::unsupported);
    const auto second = parse_keys("# people\n\nssh-ed25519 AAAA\n");
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().message.starts_with("line 3: ")) << second.error().message;
}

}  // namespace
}  // namespace labhub::ssh::testing
