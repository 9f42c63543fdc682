// What a script must not reach. Each script prints one line for each attempt; a denial is the pass.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

constexpr int kMayRaiseLimits = 24;  // CAP_SYS_RESOURCE, of capability.h

class Isolation : public Lab {
  protected:
    /// Runs Python lines, each an attempt that must raise an OSError; the end names those that didn't.
    void expect_denied(const std::vector<std::string>& attempts, const std::string& prelude = {}) {
        std::string script =
            "import os, socket, sys, ctypes, ctypes.util\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "def call(number, *arguments):\n"
            "    if libc.syscall(number, *arguments) < 0:\n"
            "        e = ctypes.get_errno(); raise OSError(e, os.strerror(e))\n" +
            prelude + "\n";
        for (const auto& attempt : attempts)
            script += "try:\n    " + attempt + "\n    print('REACHED', " + quoted(attempt) +
                      ")\nexcept OSError as e:\n    print('denied', e)\n";
        const Ended ended = run(script);
        EXPECT_EQ(ended.exit_code, 0) << err();
        EXPECT_EQ(out().find("REACHED"), std::string::npos) << out();
        std::size_t denials = 0;
        for (std::size_t at = 0; (at = out().find("denied [", at)) != std::string::npos; ++at) ++denials;
        EXPECT_EQ(denials, attempts.size()) << out();
    }

  private:
    static std::string quoted(const std::string& text) {
        std::string quoted = "\"";
        for (const char c : text) c == '"' || c == '\\' ? (quoted += '\\', quoted += c) : quoted += c;
        return quoted + "\"";
    }
};

/// A TCP server on the host's own loopback.
class HostServer {
  public:
    HostServer() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(socket_.get(), 8);
        socklen_t size = sizeof address;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
    }
    int port = 0;

  private:
    UniqueFd socket_;
};

TEST_F(Isolation, ReachesTheHubAndOnlyTheHub) {
    const Ended ended =
        run("import os, urllib.request\n"
            "print(urllib.request.urlopen(os.environ['LABHUB_URL'] + '/x', timeout=10).read().decode())\n");
    EXPECT_EQ(ended.exit_code, 0) << err();
    EXPECT_EQ(out(), "hub of " + last_.value + "\n");
}

TEST_F(Isolation, HasNoNetworkBesides) {
    const HostServer server;
    expect_denied(
        {"socket.create_connection(('1.1.1.1', 80), 3)", "socket.create_connection(('2606:4700::1111', 80), 3)",
         "socket.create_connection(('example.org', 80), 3)",
         "socket.create_connection(('127.0.0.1', " + std::to_string(server.port) + "), 3)",
         "socket.create_connection(('::1', " + std::to_string(server.port) + "), 3)",
         "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))",
         "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
         "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
         "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)", "socket.socket(38, socket.SOCK_SEQPACKET)"});
}

TEST_F(Isolation, HasAnAbstractSocketNamespaceOfItsOwn) {
    const UniqueFd host{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const std::string name = "labhub-test-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(::bind(host.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(host.get(), 1), 0);
    expect_denied({"socket.socket(socket.AF_UNIX).connect('\\0" + name + "')"});
}

TEST_F(Isolation, SeesNoFilesOfTheHost) {
    const JobId other = start("import time\nopen('secret.txt', 'w').write('x')\nprint('up')\ntime.sleep(60)\n");
    await_output(other, "up");
    const std::string theirs = folder(other).string();
    expect_denied({"os.listdir('/root')", "os.listdir('/home')", "open('/etc/shadow').read()", "os.listdir('/sys')",
                   "os.listdir('/boot')", "os.listdir('/var/lib')", "os.listdir('" + data_.string() + "')",
                   "open('" + theirs + "/job.json').read()", "os.listdir('" + theirs + "/output')",
                   "open('/proc/1/root/etc/shadow').read()", "open('/proc/1/mem', 'r+b')", "os.listdir('/proc/1/fd')",
                   "open('/dev/vda', 'rb')", "open('/dev/kmsg', 'rb')", "open('/dev/loop-control', 'rb')",
                   "open('/proc/sysrq-trigger', 'w')", "open('/proc/sys/kernel/hostname', 'w')"});
    EXPECT_TRUE(socket_->stop_job(other, "user", std::chrono::milliseconds{0}));
    await_end(other);
}

TEST_F(Isolation, WritesNowhereButOutputAndTmp) {
    expect_denied(
        {"open('/app/user_script.py', 'a')", "open('/usr/x', 'w')", "open('/etc/passwd', 'a')", "open('/x', 'w')",
         "open('/app/x', 'w')", "open('/app/input/x', 'w')", "open('/opt/labhub/python/x', 'w')",
         "open('/run/labhub/init', 'a')", "os.chmod('/app/user_script.py', 0o777)", "open('/dev/x', 'w')",
         "os.mkdir('/var/x')"},
        "open('/app/output/a', 'w').write('1'); open('/tmp/a', 'w').write('1'); open('/dev/shm/a', 'w').write('1')");
}

TEST_F(Isolation, HasNoWayToMorePrivilege) {
    // Numbers of x86-64; on another machine they are other calls, also denied or invalid.
    expect_denied({"os.setuid(0)",
                   "os.setgroups([0])",
                   "os.chroot('/tmp')",
                   "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",
                   "call(272, 0x10000000)",
                   "call(272, 0x40000000)",
                   "call(308, 0, 0)",
                   "call(321, 0, 0, 0)",
                   "call(425, 1, 0)",
                   "call(298, 0, 0, -1, -1, 0)",
                   "call(101, 16, 1, 0, 0)",
                   "call(175, 0, 0, 0)",
                   "call(103, 3, 0, 0)",
                   "call(250, 0, 0, 0)",
                   "call(248, b'user', b'a', b'b', 1, -3)",
                   "call(310, 1, 0, 0, 0, 0, 0)",
                   "call(323, 0)",
                   "call(304, 0, 0, 0)",
                   "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
                   "call(435, 0, 0)",
                   "call(438, 1, 0, 0)",
                   "call(135, 0x0040000)",
                   "call(169, 0, 0, 0, 0)",
                   "call(161, b'/tmp')",
                   "call(428, -1, b'/', 0)",
                   "os.mknod('/tmp/d', 0o60600, os.makedev(254, 0))"});
}

TEST_F(Isolation, GainsNothingFromSetuidPrograms) {
    run("import os, subprocess\n"
        "found = [p for d in ('/usr/bin', '/usr/sbin') for p in (d + '/' + n for n in os.listdir(d))\n"
        "         if os.path.isfile(p) and os.stat(p).st_mode & 0o6000]\n"
        "print('setuid files:', len(found))\n"
        "print(subprocess.run(['su', '-c', 'id'], capture_output=True, stdin=subprocess.DEVNULL).returncode != 0)\n"
        "print([l for l in open('/proc/self/status') if l.startswith(('NoNewPrivs', 'Seccomp:', 'CapBnd', "
        "'CapEff'))])\n");
    EXPECT_NE(out().find("True"), std::string::npos) << out() << err();
    EXPECT_NE(out().find("NoNewPrivs:\\t1"), std::string::npos) << out();
    EXPECT_NE(out().find("Seccomp:\\t2"), std::string::npos) << out();
    EXPECT_NE(out().find("CapBnd:\\t0000000000000000"), std::string::npos) << out();
}

TEST_F(Isolation, IsGivenNoDeviceOfTheHost) {
    struct stat before {
    }, after{};
    ASSERT_EQ(::stat("/dev/null", &before), 0);
    expect_denied(
        {"os.chmod('/dev/null', 0o666)", "os.chmod('/dev/zero', 0o666)", "os.chown('/dev/null', 1000, 1000)"});
    ASSERT_EQ(::stat("/dev/null", &after), 0);
    EXPECT_EQ(before.st_mode, after.st_mode);
    EXPECT_EQ(before.st_uid, after.st_uid);
    EXPECT_EQ(before.st_gid, after.st_gid);
}

TEST_F(Isolation, IsNotSparedWhenTheHostRunsOutOfMemory) {
    if (::prctl(PR_CAPBSET_READ, kMayRaiseLimits) != 1)
        GTEST_SKIP() << "this host leaves nobody the right to set a lowest score (CAP_SYS_RESOURCE)";
    run("for wanted in ('-1000', '0', '499', '500'):\n"
        "    try:\n"
        "        with open('/proc/self/oom_score_adj', 'w') as f: f.write(wanted)\n"
        "        print(wanted)\n"
        "    except OSError: pass\n");
    EXPECT_EQ(out(), "500\n");
}

TEST_F(Isolation, SeesOnlyItsOwnProcesses) {
    run("import os\nprint(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))\n");
    EXPECT_EQ(out(), "[1, 2]\n");
}

TEST_F(Isolation, CannotKillItsInit) {
    const Ended ended = run("import os, signal, time\nos.kill(1, signal.SIGKILL)\ntime.sleep(0.2)\nprint('alive')\n");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(out(), "alive\n");
}

TEST_F(Isolation, TricksInTheOutputFolderBringNothingOut) {
    const Ended ended =
        run("import os\n"
            "os.symlink('/etc/shadow', 'shadow')\n"
            "os.symlink('/', 'root')\n"
            "os.symlink('../../../job.json', 'job')\n"
            "os.mkfifo('fifo')\n"
            "open('line\\nbreak', 'w').write('1')\n"
            "os.makedirs('a/b'); open('a/b/c', 'w').write('kept')\n"
            "f = open('sparse', 'wb'); f.truncate(900 << 20); f.close()\n"
            "f = open('sparse2', 'wb'); f.truncate(900 << 20); f.close()\n");
    EXPECT_EQ(ended.exit_code, 0) << err();
    const auto output = folder(last_) / "output";
    EXPECT_EQ(file(last_, "output/a/b/c"), "kept");
    EXPECT_EQ(file(last_, "output/line\nbreak"), "1");
    for (const char* left_out : {"shadow", "root", "job", "fifo"})
        EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(output / left_out))) << left_out;
    EXPECT_NE(std::filesystem::exists(output / "sparse"), std::filesystem::exists(output / "sparse2"));
    EXPECT_NE(err().find("is a symbolic link: left out"), std::string::npos) << err();
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
