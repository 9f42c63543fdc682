// Sandboxes that are made before their job is known: who gets them, and what is left of them.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

namespace fs = std::filesystem;

class Ready : public Lab {
  protected:
    void keep(std::size_t count = 1) { keep_like(usual_spec(), count); }
    void keep_like(JobSpec like, std::size_t count = 1) {
        EXPECT_TRUE(launcher_->keep_ready({std::move(like), ready_folder(), count}));
        ASSERT_TRUE(await([&] { return launcher_->ready_count() == count; }))
            << read_file(ready_folder() / waiting_name() / "runner.log").value_or("");
    }
    fs::path ready_folder() const { return data_ / ".ready"; }
    /// Of the one that waits.
    std::string waiting_name() const {
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(ready_folder(), none)) return entry.path().filename().string();
        return {};
    }
    /// Nothing unless there is exactly one: a number that is no process must never come near kill(2).
    std::optional<pid_t> waiting_runner() const {
        const std::string name = waiting_name();
        if (name.empty()) return std::nullopt;
        const auto found = processes_with(std::string("wait\0", 5) + (ready_folder() / name).string());
        if (found.size() != 1 || found.front() <= 1) return std::nullopt;
        return found.front();
    }
    static void send_signal(std::optional<pid_t> process, int number) {
        ASSERT_TRUE(process.has_value());
        ASSERT_GT(*process, 1);
        ASSERT_EQ(::kill(*process, number), 0);
    }
    /// The first process of the sandbox that this runner has made.
    std::optional<pid_t> init_of(pid_t runner) const {
        const std::string parent = " " + std::to_string(runner) + " ";
        for (const pid_t pid : processes_with("/run/labhub/init")) {
            const auto fields = read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
            const auto end = fields.rfind(')');
            if (pid > 1 && end != std::string::npos && fields.compare(end + 3, parent.size(), parent) == 0) return pid;
        }
        return std::nullopt;
    }
    static bool has_ended(pid_t pid) {
        const auto fields = read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
        return fields.empty() || fields.find(") Z ") != std::string::npos;
    }
    bool is_gone(const std::string& name) const { return what_is_left(name).empty(); }
    /// Folder, cgroups, loop devices and processes of a sandbox that waited.
    std::string what_is_left(const std::string& name) const {
        std::string left;
        std::error_code none;
        if (fs::exists(ready_folder() / name, none)) left += "folder ";
        for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", none))
            if (fs::exists(hierarchy.path() / "labhub" / name, none)) left += "cgroup ";
        if (fs::exists("/sys/fs/cgroup/labhub/" + name, none)) left += "cgroup ";
        for (const auto& device : fs::directory_iterator("/sys/block", none))
            if (read_file(device.path() / "loop/backing_file").value_or("").find(name) != std::string::npos)
                left += "loop device ";
        if (!processes_with(name).empty()) left += "process ";
        return left;
    }
    std::string log_of(const JobId& job) const { return file(job, "runner.log"); }
};

TEST_F(Ready, JobGetsTheSandboxThatWaitedAndAnotherOneIsMade) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    const std::string name = waiting_name();
    const JobId job = start(
        "import os, sys, urllib.request\n"
        "print(os.environ['EXPERIMENT_ID'], os.environ['MINE'], os.getcwd(), os.getuid(), sys.argv)\n"
        "print(urllib.request.urlopen(os.environ['LABHUB_URL']).read().decode())\n"
        "open('kept.txt', 'w').write('kept')\n"
        "print('oops', file=sys.stderr)\n"
        "raise SystemExit(4)\n",
        [](JobSpec& spec) { spec.environment["MINE"] = "two\nlines"; });
    const Ended ended = await_end(job);
    EXPECT_EQ(heard_[job].runner, *waiting);
    EXPECT_EQ(ended.exit_code, 4);
    EXPECT_EQ(out(), job.value + " two\nlines /app/output 1000 ['/app/user_script.py']\nhub of " + job.value + "\n");
    EXPECT_EQ(err(), "oops\n");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
    EXPECT_TRUE(await([&] { return is_gone(name); }, std::chrono::seconds{10})) << what_is_left(name);
    EXPECT_TRUE(await([&] { return launcher_->ready_count() == 1; }));
    EXPECT_NE(waiting_name(), name);
}

TEST_F(Ready, SandboxThatWaitedHoldsItsLimits) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    const Ended ended =
        run("import os\n"
            "pids = 0\n"
            "try:\n"
            "    while pids < 1000:\n"
            "        pid = os.fork()\n"
            "        if pid == 0:\n"
            "            os._exit(0)\n"
            "        pids += 1\n"
            "except OSError:\n"
            "    os.write(1, b'as many as it may\\n' if pids < 256 else b'too many\\n')\n"
            "open('/proc/self/status').read().index('Seccomp:\\t2')\n"
            "x = bytearray(1 << 30)\n");
    EXPECT_EQ(heard_[last_].runner, *waiting);
    EXPECT_EQ(ended.reason, "out_of_memory") << err();
    EXPECT_EQ(out(), "as many as it may\n") << err();
}

TEST_F(Ready, SandboxThatWaitedGetsMemoryProcessorsAndProcessesOfTheJob) {
    ASSERT_NO_FATAL_FAILURE(keep());
    for (const std::uint64_t mebibytes : {128u, 1024u}) {
        ASSERT_TRUE(await([&] { return launcher_->ready_count() == 1; }));
        const auto waiting = waiting_runner();
        ASSERT_TRUE(waiting);
        const Ended ended =
            run("import os\n"
                "pids = 0\n"
                "try:\n"
                "    while pids < 300:\n"
                "        if os.fork() == 0:\n"
                "            os._exit(0)\n"
                "        pids += 1\n"
                "except OSError:\n"
                "    pass\n"
                "os.write(1, f'{pids} {os.environ[\"OMP_NUM_THREADS\"]}\\n'.encode())\n"
                "x = bytearray(700 << 20)\n"
                "print('had it')\n",
                [&](JobSpec& spec) {
                    spec.limits.memory_bytes = mebibytes << 20;
                    spec.limits.pids = 20;
                    spec.limits.cpus = 2;
                });
        EXPECT_EQ(heard_[last_].runner, *waiting);
        // init and the script take two of the twenty.
        const std::string forks = "18 2\n";
        EXPECT_EQ(out(), mebibytes == 128u ? forks : forks + "had it\n") << err() << log_of(last_);
        EXPECT_EQ(ended.reason, mebibytes == 128u ? "out_of_memory" : "") << err();
    }
}

TEST_F(Ready, JobWithAnotherSizeOfOutputGetsASandboxOfItsOwn) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    const auto smaller = [](JobSpec& spec) { spec.limits.output_bytes = 128u << 20; };
    EXPECT_EQ(run("print('here')\n", smaller).exit_code, 0);
    EXPECT_EQ(out(), "here\n");
    EXPECT_NE(heard_[last_].runner, *waiting);
    EXPECT_EQ(launcher_->ready_count(), 1u);
    EXPECT_EQ(waiting_runner(), waiting);
}

TEST_F(Ready, WorksWithRuncToo) {
    if (!fs::exists("/usr/sbin/runc") && !fs::exists("/usr/bin/runc")) GTEST_SKIP() << "runc is not installed";
    const auto with_runc = [&](JobSpec& spec) {
        spec.runtime = "runc";
        spec.cache_folder = data_ / "cache";
    };
    fs::create_directories(data_ / "cache");
    JobSpec like = usual_spec();
    with_runc(like);
    ASSERT_NO_FATAL_FAILURE(keep_like(like));
    const std::string name = waiting_name();
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    const Ended ended = run("print('had it')\nx = bytearray(700 << 20)\n", [&](JobSpec& spec) {
        with_runc(spec);
        spec.limits.memory_bytes = 64u << 20;
    });
    EXPECT_EQ(heard_[last_].runner, *waiting);
    EXPECT_EQ(heard_[last_].started->runtime.substr(0, 4), "runc");
    EXPECT_EQ(out(), "had it\n") << err() << log_of(last_);
    EXPECT_EQ(ended.reason, "out_of_memory");
    EXPECT_TRUE(await([&] { return is_gone(name); }, std::chrono::seconds{10})) << what_is_left(name);
}

TEST_F(Ready, TwoJobsNeverShareOne) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const JobId first = start("import time\nprint('up', flush=True)\ntime.sleep(600)\n");
    const JobId second = start("print('second')\n");
    EXPECT_EQ(await_end(second).exit_code, 0);
    await_started(first);
    EXPECT_NE(heard_[first].runner, heard_[second].runner);
    EXPECT_NE(read_runner_state(folder(first))->cgroup, read_runner_state(folder(second))->cgroup);
    EXPECT_TRUE(socket_->stop_job(first, "user", std::chrono::milliseconds{0}));
    await_end(first);
}

TEST_F(Ready, UnusedOneLeavesNothingWhenTheCoordinatorStops) {
    ASSERT_NO_FATAL_FAILURE(keep(2));
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(ready_folder())) names.push_back(entry.path().filename());
    ASSERT_EQ(names.size(), 2u);
    bool closed = false;
    const auto close = [](SpawnLauncher& launcher, bool& done) -> Task<void> {
        co_await launcher.close();
        done = true;
    };
    asio::co_spawn(context_, close(*launcher_, closed), asio::detached);
    ASSERT_TRUE(await([&] { return closed; }));
    for (const auto& name : names) EXPECT_TRUE(is_gone(name)) << what_is_left(name);
}

TEST_F(Ready, UnusedOneLeavesNothingWhenTheCoordinatorDies) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const std::string name = waiting_name();
    // All that the runner has of the coordinator is the socket between them, which the kernel closes for the dead.
    launcher_.reset();
    launcher_ = std::make_unique<SpawnLauncher>(context_.get_executor(), runner_program());
    EXPECT_TRUE(await([&] { return is_gone(name); }, std::chrono::seconds{10})) << what_is_left(name);
}

TEST_F(Ready, KilledOneIsClearedAwayAndReplaced) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const std::string name = waiting_name();
    ASSERT_NO_FATAL_FAILURE(send_signal(waiting_runner(), SIGKILL));
    EXPECT_TRUE(await([&] { return waiting_name() != name && launcher_->ready_count() == 1; }));
    EXPECT_TRUE(await([&] { return is_gone(name); }, std::chrono::seconds{10})) << what_is_left(name);
    EXPECT_EQ(run("print('here')\n").exit_code, 0);
}

TEST_F(Ready, WhatAKilledOneLeftIsClearedAwayByTheNextCoordinator) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const std::string name = waiting_name();
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    ASSERT_NO_FATAL_FAILURE(send_signal(waiting, SIGSTOP));
    launcher_.reset();
    ASSERT_NO_FATAL_FAILURE(send_signal(waiting, SIGKILL));
    launcher_ = std::make_unique<SpawnLauncher>(context_.get_executor(), runner_program());
    ASSERT_TRUE(await([&] { return processes_with(name).empty(); }));
    EXPECT_TRUE(launcher_->keep_ready({usual_spec(), ready_folder(), 0}));
    EXPECT_TRUE(await([&] { return is_gone(name); }, std::chrono::seconds{10})) << what_is_left(name);
}

TEST_F(Ready, JobGivenToADeadSandboxRunsAllTheSame) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const auto waiting = waiting_runner();
    ASSERT_TRUE(waiting);
    ASSERT_TRUE(await([&] { return init_of(*waiting).has_value(); }));
    const auto init = init_of(*waiting);
    ASSERT_NO_FATAL_FAILURE(send_signal(waiting, SIGSTOP));
    ASSERT_NO_FATAL_FAILURE(send_signal(init, SIGKILL));
    ASSERT_TRUE(await([&] { return has_ended(*init); }));
    const JobId job = start("print('here')\n");
    ASSERT_NO_FATAL_FAILURE(send_signal(waiting, SIGCONT));
    EXPECT_EQ(await_end(job).exit_code, 0);
    EXPECT_EQ(heard_[job].runner, *waiting);
    EXPECT_EQ(out(), "here\n");
    EXPECT_NE(log_of(job).find("the sandbox that waited is not used"), std::string::npos) << log_of(job);
}

TEST_F(Ready, KilledRunnerOfATakenOneIsCollected) {
    ASSERT_NO_FATAL_FAILURE(keep());
    const std::string name = waiting_name();
    const JobId job =
        start("import time\nopen('kept.txt', 'w').write('kept')\nprint('up', flush=True)\ntime.sleep(600)\n");
    await_output(job, "up");
    await_started(job);
    EXPECT_EQ(read_runner_state(folder(job))->cgroup, "/labhub/" + name);
    ASSERT_NO_FATAL_FAILURE(send_signal(heard_[job].runner, SIGKILL));
    EXPECT_TRUE(await([&] { return heard_[job].lost && !is_runner_alive(folder(job)); }));
    const RunnerState state = collect(job);
    ASSERT_TRUE(state.ended);
    EXPECT_EQ(state.ended->reason, "runner_lost");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
    EXPECT_TRUE(is_gone(name)) << what_is_left(name);
    EXPECT_FALSE(fs::exists(folder(job) / "sandbox"));
}

TEST_F(Ready, DamagedTemplateOfTheOutputImageIsMadeAnew) {
    const fs::path cache = data_ / "cache";
    fs::create_directories(cache);
    fs::copy_file(usual_spec().cache_folder / "sandbox-host.json", cache / "sandbox-host.json");
    const auto with_cache = [&](JobSpec& spec) { spec.cache_folder = cache; };
    const auto find_template = [&]() -> fs::path {
        for (const auto& entry : fs::directory_iterator(cache))
            if (entry.path().extension() == ".img") return entry.path();
        return {};
    };
    EXPECT_EQ(run("open('a', 'w').write('b')\n", with_cache).exit_code, 0);
    ASSERT_EQ(heard_[last_].started->disk_limit_by, "loop ext4");
    const fs::path kept = find_template();
    ASSERT_FALSE(kept.empty());
    const auto size = fs::file_size(kept);
    const UniqueFd damaged{::open(kept.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)};
    ASSERT_EQ(::ftruncate(damaged.get(), static_cast<off_t>(size)), 0);

    EXPECT_EQ(run("open('a', 'w').write('b')\n", with_cache).exit_code, 0);
    EXPECT_EQ(heard_[last_].started->disk_limit_by, "loop ext4") << file(last_, "runner.log");
    EXPECT_EQ(file(last_, "output/a"), "b");
    EXPECT_TRUE(find_template().empty());
    EXPECT_EQ(run("", with_cache).exit_code, 0);
    EXPECT_EQ(find_template(), kept);
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
