// Other programs than Debian's crun and runc, chosen by the specification alone.

#include <sys/stat.h>
#include <unistd.h>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

constexpr const char* kAsk =
    "import sys, urllib.request\n"
    "print(urllib.request.urlopen('http://127.0.0.1:8000/').read().decode())\n"
    "open('kept.txt', 'w').write('kept')\n"
    "sys.exit(3)\n";

class Runtime : public Lab {
  protected:
    /// A program of that name, which is a shell script.
    std::string program(const std::string& name, const std::string& text) {
        const auto path = data_ / name;
        EXPECT_TRUE(write_file(path, "#!/bin/sh\n" + text, 0755));
        return path.string();
    }
    Ended run_with(const std::string& runtime, const std::string& script) {
        return run(script, [&](JobSpec& spec) {
            spec.runtime = runtime;
            spec.cache_folder = cache_of(runtime);
        });
    }
    /// What is found out about a runtime is kept for one only.
    std::filesystem::path cache_of(const std::string& runtime) {
        const auto folder = data_ / ("host-" + std::filesystem::path(runtime).filename().string());
        std::filesystem::create_directories(folder);
        return folder;
    }
};

class Gvisor : public Runtime {
  protected:
    void SetUp() override {
        Runtime::SetUp();
        if (!IsSkipped() && ::access("/usr/bin/runsc", X_OK) != 0)
            GTEST_SKIP() << "runsc is not installed (package runsc)";
    }
    Ended run_in_it(const std::string& script, const std::function<void(JobSpec&)>& adjust = {}) {
        return run(script, [&](JobSpec& spec) {
            spec.runtime = "runsc";
            spec.cache_folder = cache_of("runsc");
            if (adjust) adjust(spec);
        });
    }
};

TEST_F(Runtime, ProgramOfAnotherNameAndPlaceIsUsedAsRunc) {
    const auto mark = data_ / "was-here";
    const std::string mine = program("my-runtime", "touch " + mark.string() + "\nexec runc \"$@\"\n");
    const Ended ended = run_with(mine, kAsk);
    EXPECT_EQ(ended.exit_code, 3) << ended.message << err();
    EXPECT_EQ(out(), "hub of " + last_.value + "\n");
    EXPECT_EQ(file(last_, "output/kept.txt"), "kept");
    EXPECT_TRUE(std::filesystem::exists(mark));
}

TEST_F(Runtime, OneThatIsNotThereIsRefusedByName) {
    const Ended ended = run_with("/nowhere/at/all/runtime", kAsk);
    EXPECT_EQ(ended.reason, "sandbox_failed");
    EXPECT_NE(ended.message.find("/nowhere/at/all/runtime: not installed"), std::string::npos) << ended.message;
}

/// A runtime with a network of its own, as gVisor's and a virtual machine's is, would leave the script without the hub.
TEST_F(Runtime, OneWhoseLoopbackIsItsOwnIsRefusedAndSaysSo) {
    const std::string own = program("own-network",
                                    "for word; do [ \"$previous\" = --bundle ] && sed -i "
                                    "'s/\"path\":\"[^\"]*\\/fd\\/[0-9]*\",//; s/,\"path\":\"[^\"]*\\/fd\\/[0-9]*\"//' "
                                    "\"$word/config.json\"; previous=$word; done\nexec runc \"$@\"\n");
    const Ended ended = run_with(own, kAsk);
    EXPECT_EQ(ended.reason, "sandbox_failed");
    EXPECT_NE(ended.message.find("can't connect to 127.0.0.1:8000 of its network namespace"), std::string::npos)
        << ended.message;
}

TEST_F(Runtime, KataIsRefusedWithTheReason) {
    const Ended ended = run_with(program("kata-runtime", "exit 1\n"), kAsk);
    EXPECT_EQ(ended.reason, "sandbox_failed");
    EXPECT_NE(ended.message.find("Kata Containers 2"), std::string::npos) << ended.message;
}

TEST_F(Gvisor, ScriptReachesTheHubAndItsOutputsComeBack) {
    const Ended ended = run_in_it(kAsk);
    EXPECT_EQ(ended.exit_code, 3) << ended.message << err() << file(last_, "runner.log");
    EXPECT_EQ(out(), "hub of " + last_.value + "\n");
    EXPECT_EQ(file(last_, "output/kept.txt"), "kept");
    EXPECT_EQ(heard_[last_].started->runtime.substr(0, 5), "runsc");
}

TEST_F(Gvisor, ScriptSeesAKernelThatIsNotTheHosts) {
    run_in_it("print(open('/proc/version').read())\n");
    std::string host = read_file("/proc/version").value_or("");
    EXPECT_EQ(out().find(host), std::string::npos) << out();
    EXPECT_NE(out().find("Linux version"), std::string::npos) << out();
}

TEST_F(Gvisor, TimeLimitEndsIt) {
    const Ended ended = run_in_it("import time\nprint('up', flush=True)\ntime.sleep(600)\n",
                                  [](JobSpec& spec) { spec.limits.time_limit_ms = 1000, spec.limits.grace_ms = 200; });
    EXPECT_EQ(ended.reason, "time_limit") << ended.message << err();
}

TEST_F(Gvisor, MemoryLimitEndsIt) {
    const Ended ended = run_in_it("blocks = []\nwhile True:\n    blocks.append(bytearray(b'x') * (8 << 20))\n",
                                  [](JobSpec& spec) { spec.limits.memory_bytes = 256u << 20; });
    EXPECT_EQ(ended.reason, "out_of_memory") << ended.message << err();
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
