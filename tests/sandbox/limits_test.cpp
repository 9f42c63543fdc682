// Limits that hold, and ends that say which one it was.

#include <signal.h>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

class Limit : public Lab {};

/// The runner as on a host without loop devices: /dev/loop-control covered in a mount namespace of the launcher's own.
void write_runner_without_loop(const std::filesystem::path& path) {
    ASSERT_TRUE(
        write_file(path,
                   "#!/bin/sh\nexec unshare --mount sh -c 'mount --bind /dev/null /dev/loop-control; exec \"$@\"' sh " +
                       runner_program().string() + " \"$@\"\n",
                   0755));
}

TEST_F(Limit, MemoryEndsAsOutOfMemory) {
    const Ended ended = run("block = []\nwhile True: block.append(bytearray(8 << 20))\n",
                            [](JobSpec& spec) { spec.limits.memory_bytes = 128u << 20; });
    EXPECT_EQ(ended.reason, "out_of_memory") << ended.message;
    EXPECT_EQ(ended.exit_code, 137);
    EXPECT_EQ(ended.signal, SIGKILL);
    EXPECT_LE(ended.peak_memory_bytes, 130u << 20);
    EXPECT_GE(ended.peak_memory_bytes, 100u << 20);
}

TEST_F(Limit, SharedMemoryCountsAsMemory) {
    const Ended ended =
        run("f = open('/dev/shm/x', 'wb')\nkeep = bytearray(40 << 20)\n"
            "try:\n    for i in range(60): f.write(b'x' * (1 << 20))\nexcept OSError as e: print(e)\n"
            "keep2 = bytearray(60 << 20)\n",
            [](JobSpec& spec) { spec.limits.memory_bytes = 96u << 20; });
    EXPECT_EQ(ended.reason, "out_of_memory") << ended.message << out() << err();
}

TEST_F(Limit, ProcessesStopTheForkBomb) {
    const Ended ended =
        run("import os, time\n"
            "made = 0\n"
            "for i in range(10000):\n"
            "    try:\n"
            "        if os.fork() == 0: time.sleep(600)\n"
            "        made += 1\n"
            "    except OSError as e:\n"
            "        print(made, e); break\n"
            "raise SystemExit(1)\n",
            [](JobSpec& spec) { spec.limits.pids = 64; });
    EXPECT_EQ(ended.reason, "process_limit") << out() << err();
    EXPECT_NE(out().find("6"), std::string::npos) << out();
    EXPECT_LT(std::atoi(out().c_str()), 64);
}

TEST_F(Limit, OutputEndsWithNoSpaceAndKeepsTheRest) {
    const Ended ended =
        run("open('before.txt', 'w').write('kept')\n"
            "f = open('big', 'wb')\n"
            "while True: f.write(b'x' * (1 << 20))\n",
            [](JobSpec& spec) { spec.limits.output_bytes = 24u << 20; });
    EXPECT_EQ(ended.reason, "disk_limit") << ended.message << err();
    EXPECT_NE(err().find("No space left on device"), std::string::npos) << err();
    EXPECT_EQ(heard_[last_].started->disk_limit_by, "loop ext4");
    EXPECT_EQ(file(last_, "output/before.txt"), "kept");
}

TEST_F(Limit, OutputIsWatchedWhereThereAreNoLoopDevices) {
    const auto wrapper = data_ / "runner-without-loop";
    write_runner_without_loop(wrapper);
    launcher_ = std::make_unique<SpawnLauncher>(context_.get_executor(), wrapper);
    const Ended ended =
        run("import time\n"
            "for i in range(100):\n"
            "    open(f'f{i}', 'wb').write(b'x' * (1 << 20)); time.sleep(0.02)\n"
            "time.sleep(600)\n",
            [](JobSpec& spec) { spec.limits.output_bytes = 16u << 20; });
    EXPECT_EQ(heard_[last_].started->disk_limit_by, "polling");
    EXPECT_EQ(ended.reason, "disk_limit") << ended.message << err();
    EXPECT_TRUE(std::filesystem::exists(folder(last_) / "output/f0"));
}

TEST_F(Limit, WatchedOutputIsBoundedByFilesTooHoweverDeep) {
    const auto wrapper = data_ / "runner-without-loop";
    write_runner_without_loop(wrapper);
    launcher_ = std::make_unique<SpawnLauncher>(context_.get_executor(), wrapper);
    const Ended ended =
        run("import os, time\n"
            "for n in range(100):\n"
            "    os.mkdir('d' * 200); os.chdir('d' * 200)\n"
            "for n in range(600): open(str(n), 'w').close()\n"
            "time.sleep(600)\n",
            [](JobSpec& spec) { spec.limits.output_files = 500; });
    EXPECT_EQ(heard_[last_].started->disk_limit_by, "polling");
    EXPECT_EQ(ended.reason, "disk_limit") << ended.message << err();
}

TEST_F(Limit, FilesInOutputAreCounted) {
    const Ended ended = run("for i in range(100000): open(f'f{i}', 'w').close()\n", [](JobSpec& spec) {
        spec.limits.output_bytes = 16u << 20;
        spec.limits.output_files = 500;
    });
    EXPECT_EQ(ended.reason, "disk_limit") << ended.message << err();
}

TEST_F(Limit, TmpIsBounded) {
    const Ended ended =
        run("f = open('/tmp/x', 'wb')\n"
            "try:\n    while True: f.write(b'x' * (1 << 20))\n"
            "except OSError as e: print(e.errno, f.tell() >> 20)\n",
            [](JobSpec& spec) { spec.limits.tmp_bytes = 32u << 20; });
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(out().substr(0, 4), "28 3") << out() << err();
}

TEST_F(Limit, OfALogFloodHeadAndTailAreKeptAndTheMiddleIsCounted) {
    const Ended ended =
        run("import sys\n"
            "for i in range(4096): sys.stdout.write(f'{i:07}' + 'y' * 1016 + '\\n')\n"
            "sys.stderr.write('last words\\n')\n",
            [](JobSpec& spec) { spec.limits.log_bytes = 1u << 20; });
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_LT(out().size(), (1u << 20) + 200);
    EXPECT_EQ(out().substr(0, 7), "0000000");
    EXPECT_NE(out().find("\n[labhub] 3146752 bytes are left out here"), std::string::npos) << out().substr(786000, 400);
    EXPECT_EQ(out().substr(out().size() - 1024, 8), "0004095y");
    EXPECT_EQ(err(), "last words\n");
    EXPECT_FALSE(std::filesystem::exists(folder(last_) / "stdout.txt.tail"));
}

TEST_F(Limit, TimeAsksFirst) {
    const Ended ended =
        run("import signal, sys, time\n"
            "def leave(*_): print('leaving'); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, leave)\n"
            "time.sleep(600)\n",
            [](JobSpec& spec) { spec.limits.time_limit_ms = 700; });
    EXPECT_EQ(ended.reason, "time_limit");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(out(), "leaving\n");
}

TEST_F(Limit, TimeThenKillsAScriptThatDoesNotListen) {
    const auto began = Steady::now();
    const Ended ended =
        run("import os, signal, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "if os.fork() == 0: os.setsid()\n"
            "while True: time.sleep(600)\n",
            [](JobSpec& spec) { spec.limits.time_limit_ms = 500, spec.limits.grace_ms = 700; });
    EXPECT_EQ(ended.reason, "time_limit");
    EXPECT_EQ(ended.signal, SIGKILL);
    EXPECT_LT(Steady::now() - began, std::chrono::seconds{20});
}

TEST_F(Limit, ProcessorTimeIsAQuota) {
    const Ended ended =
        run("import time\n"
            "end = time.monotonic() + 2\n"
            "while time.monotonic() < end: pass\n"
            "print(time.process_time() < 1.2)\n",
            [](JobSpec& spec) { spec.limits.cpus = 0.25; });
    EXPECT_EQ(out(), "True\n");
    EXPECT_LT(ended.cpu_ms, 1500u);
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
