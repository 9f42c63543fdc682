// The server as people meet it: through the OpenSSH client.
#include "tests/unit/shared/ssh/ssh_fixture.hpp"

#include "shared/base/files.hpp"

namespace labhub::ssh::testing {
namespace {

using OpenSshClient = SshTest;

TEST_F(OpenSshClient, GetsOutputErrorsAndExitStatusOfACommand) {
    start();
    const auto said = ssh({}, {"say", "good morning"});
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_EQ(said.out, "good morning\n");
    const auto failed = ssh({}, {"fail"});
    EXPECT_EQ(failed.status, 3);
    EXPECT_EQ(failed.err, "it went wrong\n");
    EXPECT_EQ(failed.out, "");
}

TEST_F(OpenSshClient, IsKnownByTheKeyItUsed) {
    start();
    EXPECT_EQ(ssh({}, {"whoami"}).out, "ada operator " + user_key_.fingerprint() + "\n");
}

TEST_F(OpenSshClient, WithoutACommandIsToldWhatThereIs) {
    start();
    const auto shell = ssh({}, {});
    EXPECT_EQ(shell.status, 2);
    EXPECT_NE(shell.err.find("this server offers: status, sensors, get, set, hold, logs, version"), std::string::npos)
        << shell.err;
}

TEST_F(OpenSshClient, GetsNoTerminal) {
    start();
    const auto result = ssh({"-tt"}, {"say", "x"});
    EXPECT_NE(result.err.find("PTY allocation request failed"), std::string::npos) << result.err;
}

TEST_F(OpenSshClient, GetsNoForwarding) {
    start();
    const auto direct = ssh({"-W", "127.0.0.1:22"}, {});
    EXPECT_NE(direct.status, 0);
    EXPECT_NE(direct.err.find("administratively prohibited"), std::string::npos) << direct.err;
    const auto reverse = ssh({"-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:22"}, {});
    EXPECT_NE(reverse.status, 0);
    EXPECT_NE(reverse.err.find("remote port forwarding failed"), std::string::npos) << reverse.err;
}

TEST_F(OpenSshClient, GetsNoSftp) {
    start();
    const auto result = ssh({"-s"}, {"sftp"});
    EXPECT_NE(result.status, 0);
    EXPECT_NE(result.err.find("subsystem request failed"), std::string::npos) << result.err;
}

TEST_F(OpenSshClient, WithAnUnknownKeyIsRefused) {
    start();
    const auto path = folder_.path() / "user_key";
    std::filesystem::rename(path, folder_.path() / "known_key");
    ASSERT_TRUE(load_or_create_key(path));
    const auto result = ssh({}, {"say", "x"});
    EXPECT_EQ(result.status, 255);
    EXPECT_NE(result.err.find("Permission denied (publickey)"), std::string::npos) << result.err;
    EXPECT_EQ(counters().logins, 0u);
    EXPECT_GE(counters().auth_failures, 1u);
}

TEST_F(OpenSshClient, WithTooManyUnknownKeysIsDisconnected) {
    start();
    std::vector<std::string> options;
    for (int i = 0; i < 4; ++i) {
        const auto path = folder_.path() / ("stranger" + std::to_string(i));
        ASSERT_TRUE(load_or_create_key(path));
        options.insert(options.end(), {"-i", path.string()});
    }
    const auto result = ssh(options, {"say", "x"});
    EXPECT_EQ(result.status, 255);
    EXPECT_EQ(counters().auth_failures, 3u);
    EXPECT_EQ(counters().logins, 0u);
}

TEST_F(OpenSshClient, WithACertificateIsRefused) {
    start();
    const auto authority = (folder_.path() / "ca").string();
    const auto stranger = (folder_.path() / "stranger").string();
    ASSERT_EQ(run_process(folder_.path(), {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", authority}).status, 0);
    ASSERT_EQ(run_process(folder_.path(), {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger}).status, 0);
    ASSERT_EQ(
        run_process(folder_.path(), {"ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", "ada", stranger + ".pub"})
            .status,
        0);
    std::filesystem::rename(folder_.path() / "user_key", folder_.path() / "known_key");
    const auto result = ssh({"-i", stranger, "-o", "CertificateFile=" + stranger + "-cert.pub"}, {"say", "x"});
    EXPECT_EQ(result.status, 255);
    EXPECT_EQ(counters().logins, 0u);
}

TEST_F(OpenSshClient, WithTooLongACommandIsToldTheLimit) {
    start();
    const auto result = ssh({}, {"say", std::string(20'000, 'x')});
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("at most 16384 are accepted"), std::string::npos) << result.err;
}

TEST_F(OpenSshClient, GetsAMebibyteWhole) {
    start();
    const auto result = ssh({}, {"big"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, std::string(1u << 20, 'x'));
}

TEST_F(OpenSshClient, KilledInTheMiddleOfACommandHarmsNobody) {
    start();
    Process process(folder_.path(), openssh({}, {"wait"}));
    ASSERT_TRUE(eventually([this](const ServerCounters&) { return waiting_->load() == 1; }));
    process.kill();
    EXPECT_EQ(process.wait().status, 128 + 9);
    EXPECT_TRUE(eventually([](const ServerCounters& now) { return now.sessions == 0; }));
    EXPECT_TRUE(eventually([this](const ServerCounters&) { return waiting_->load() == 0; }))
        << "the command's task goes on";
    EXPECT_EQ(ssh({}, {"say", "still here"}).out, "still here\n");
}

}  // namespace
}  // namespace labhub::ssh::testing
