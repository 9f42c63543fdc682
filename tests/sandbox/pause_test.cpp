// Scripts that are frozen: whatever they were doing just then, and whoever dies meanwhile.

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLong = 1h;

class Paused : public Lab {
  protected:
    /// Counts in stdout.txt, quickly; says when it was sent SIGCONT.
    static constexpr const char* kCounting =
        "import signal, time\n"
        "signal.signal(signal.SIGCONT, lambda *_: print('went on', flush=True))\n"
        "open('kept.txt', 'w').write('kept')\n"
        "print('up', flush=True)\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    print(n, flush=True)\n"
        "    time.sleep(0.005)\n";

    void pause(const JobId& job, std::chrono::milliseconds limit = kLong) {
        heard_[job].pause.reset();
        ASSERT_TRUE(socket_->pause_job(job, limit));
        // Answers to what was asked before may still be on their way.
        const auto& heard = heard_[job].pause;
        ASSERT_TRUE(await([&] { return heard && (heard->is_frozen || !heard->failure.empty()); }))
            << file(job, "runner.log");
        ASSERT_EQ(heard->failure, "");
    }
    void resume(const JobId& job) {
        heard_[job].pause.reset();
        ASSERT_TRUE(socket_->resume_job(job));
        ASSERT_TRUE(await([&] { return heard_[job].pause && !heard_[job].pause->is_frozen; }));
    }
    JobId start_counting(const std::function<void(JobSpec&)>& adjust = {}) {
        const JobId job = start(kCounting, adjust);
        await_output(job, "up");
        return job;
    }
    /// What it printed is with the runner when it is frozen, but not yet in the file perhaps.
    bool stands_still(const JobId& job) {
        await([] { return false; }, 1s);
        const auto before = file(job, "stdout.txt").size();
        return !await([&] { return file(job, "stdout.txt").size() != before; }, 1s);
    }
    bool goes_on(const JobId& job) {
        const auto before = file(job, "stdout.txt").size();
        return await([&] { return file(job, "stdout.txt").size() > before; });
    }
    void stop(const JobId& job, std::chrono::milliseconds grace) { ASSERT_TRUE(socket_->stop_job(job, "user", grace)); }
    /// Of the sandbox: all are the children's of its first process.
    std::vector<pid_t> inside(const JobId& job) const {
        std::vector<pid_t> found;
        for (const auto& folder : cgroups(job)) {
            std::istringstream listed(read_file(folder / "cgroup.procs").value_or(""));
            for (pid_t pid = 0; listed >> pid;) found.push_back(pid);
            if (!found.empty()) break;
        }
        return found;
    }
    std::vector<fs::path> cgroups(const JobId& job) const {
        const auto state = read_runner_state(folder(job));
        const std::string name = state ? state->cgroup : "";
        std::vector<fs::path> all{"/sys/fs/cgroup" + name};
        std::error_code none;
        for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", none))
            all.push_back(hierarchy.path().string() + name);
        std::erase_if(all, [&](const fs::path& folder) { return name.empty() || !fs::exists(folder, none); });
        return all;
    }
    std::vector<pid_t> guards(const JobId& job) {
        auto found = processes_with(folder(job).string());
        std::erase(found, heard_[job].runner);
        return found;
    }
};

TEST_F(Paused, StandsStillAndGoesOnAndIsTold) {
    const JobId job = start_counting();
    pause(job);
    EXPECT_TRUE(stands_still(job));
    EXPECT_EQ(guards(job).size(), 1u);
    resume(job);
    EXPECT_TRUE(goes_on(job));
    await_output(job, "went on");
    EXPECT_TRUE(await([&] { return guards(job).empty(); }));
    stop(job, 5s);
    EXPECT_EQ(await_end(job).reason, "user");
}

TEST_F(Paused, SandboxThatWaitedCanBePausedToo) {
    launcher_->keep_ready({usual_spec(), data_ / ".ready", 1});
    ASSERT_TRUE(await([&] { return launcher_->ready_count() == 1; }));
    const JobId job = start_counting();
    pause(job);
    EXPECT_TRUE(stands_still(job));
    stop(job, 0s);
    await_end(job);
}

TEST_F(Paused, AskingAgainIsFineAndTheLastWordCounts) {
    const JobId job = start_counting();
    for (int turn = 0; turn < 40; ++turn) {
        ASSERT_TRUE(socket_->pause_job(job, kLong));
        if (turn % 3 == 0) await([] { return false; }, 0s);
        ASSERT_TRUE(socket_->resume_job(job));
    }
    // The answers to all these are still coming; what counts is what becomes of the script.
    ASSERT_TRUE(socket_->pause_job(job, kLong));
    ASSERT_TRUE(socket_->pause_job(job, kLong));
    EXPECT_TRUE(await([&] { return stands_still(job); }));
    ASSERT_TRUE(socket_->resume_job(job));
    ASSERT_TRUE(socket_->resume_job(job));
    EXPECT_TRUE(goes_on(job));
    stop(job, 0s);
    EXPECT_EQ(await_end(job).signal, SIGKILL);
}

TEST_F(Paused, TimeLimitStandsStillMeanwhile) {
    const JobId job = start_counting([](JobSpec& spec) { spec.limits.time_limit_ms = 3000; });
    await_started(job);
    pause(job);
    const auto paused = heard_[job].pause->time;
    await([] { return false; }, 4s);
    EXPECT_FALSE(heard_[job].ended);
    resume(job);
    const auto pause_length = heard_[job].pause->time - paused;
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.reason, "time_limit");
    EXPECT_GE((ended.time - heard_[job].started->time - pause_length).count(), 2900);
}

TEST_F(Paused, PauseThatLastsTooLongEndsTheJob) {
    const JobId job = start_counting();
    pause(job, 300ms);
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.reason, "pause_limit");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Paused, LimitOfAnEarlierPauseDoesNotEndALaterOne) {
    const JobId job = start_counting();
    pause(job, 1500ms);
    resume(job);
    pause(job, kLong);
    await([] { return false; }, 2s);
    EXPECT_FALSE(heard_[job].ended);
    stop(job, 0s);
    EXPECT_EQ(await_end(job).reason, "user");
}

TEST_F(Paused, StoppedWhileFrozenItTidiesUp) {
    const JobId job = start(
        "import signal, sys, time\n"
        "def leave(*_):\n    open('tidy.txt', 'w').write('tidy'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('ready')\ntime.sleep(600)\n");
    await_output(job, "ready");
    pause(job);
    stop(job, 20s);
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.reason, "user");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(file(job, "output/tidy.txt"), "tidy");
}

TEST_F(Paused, StubbornOneIsKilledAfterItsGrace) {
    const JobId job = start(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\n"
        "while True: time.sleep(1)\n");
    await_output(job, "ready");
    pause(job);
    stop(job, 500ms);
    EXPECT_EQ(await_end(job).signal, SIGKILL);
}

TEST_F(Paused, KilledWhileFrozenItRunsNoMore) {
    const JobId job = start_counting();
    pause(job);
    ASSERT_TRUE(stands_still(job));
    const auto printed = file(job, "stdout.txt");
    stop(job, 0s);
    EXPECT_EQ(await_end(job).signal, SIGKILL);
    EXPECT_EQ(file(job, "stdout.txt"), printed);
}

TEST_F(Paused, ForksWithoutEndStandStillWithTheirChildren) {
    const JobId job = start(
        "import os\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    for _ in range(3):\n"
        "        if os.fork() == 0:\n"
        "            os.write(1, b'.')\n"
        "            os._exit(0)\n"
        "    try:\n"
        "        while True: os.waitpid(-1, os.WNOHANG)\n"
        "    except ChildProcessError: pass\n");
    await_output(job, "..");
    for (int turn = 0; turn < 5; ++turn) {
        pause(job);
        if (turn == 4) {
            EXPECT_TRUE(stands_still(job));
        }
        resume(job);
        EXPECT_TRUE(goes_on(job));
    }
    stop(job, 0s);
    await_end(job);
    EXPECT_TRUE(inside(job).empty());
}

TEST_F(Paused, ForkBombIsFrozenAndKilled) {
    const JobId job = start(
        "import os, sys\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    try: os.fork()\n"
        "    except OSError: pass\n",
        [](JobSpec& spec) { spec.limits.pids = 100; });
    await_output(job, "up");
    await_started(job);
    ASSERT_TRUE(await([&] { return inside(job).size() > 50; }));
    pause(job);
    auto frozen = inside(job);
    EXPECT_GT(frozen.size(), 50u);
    await([] { return false; }, 1s);
    EXPECT_EQ(inside(job), frozen);
    stop(job, 0s);
    EXPECT_EQ(await_end(job).reason, "user");
    for (const pid_t pid : frozen) EXPECT_TRUE(::kill(pid, 0) != 0 || pid == ::getpid());
}

TEST_F(Paused, StoppedAndTracedChildrenAreNoHindrance) {
    const JobId job = start(
        "import os, signal, subprocess, threading, time\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    print('woken', flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, os.WUNTRACED)\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "subprocess.Popen(['sh', '-c', 'while :; do :; done'])\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n");
    await_output(job, "up");
    pause(job);
    resume(job);
    await([] { return false; }, 1s);
    EXPECT_EQ(file(job, "stdout.txt"), "up\n") << "a child that its script had stopped was woken";
    pause(job);
    stop(job, 200ms);
    await_end(job);
    EXPECT_TRUE(inside(job).empty());
}

TEST_F(Paused, RunnerDiesAndNothingStaysFrozen) {
    const JobId job = start_counting();
    pause(job);
    const auto frozen = inside(job);
    ASSERT_FALSE(frozen.empty());
    ::kill(heard_[job].runner, SIGKILL);
    EXPECT_TRUE(await([&] { return inside(job).empty(); }, 10s)) << "the sandbox lives on";
    EXPECT_TRUE(await([&] { return guards(job).empty(); }, 5s));
    EXPECT_FALSE(is_runner_alive(folder(job)));
    EXPECT_EQ(collect(job).ended->reason, "runner_lost");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Paused, RunnerAndItsGuardDieAndCollectEndsIt) {
    const JobId job = start_counting();
    pause(job);
    const auto guard = guards(job);
    ASSERT_EQ(guard.size(), 1u);
    ::kill(guard.front(), SIGKILL);
    ::kill(heard_[job].runner, SIGKILL);
    ASSERT_TRUE(await([&] { return !is_runner_alive(folder(job)); }, 5s));
    EXPECT_EQ(collect(job).ended->reason, "runner_lost");
    EXPECT_TRUE(inside(job).empty());
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Paused, DeadGuardDoesNotHinderTheRest) {
    const JobId job = start_counting();
    pause(job);
    const auto guard = guards(job);
    ASSERT_EQ(guard.size(), 1u);
    ::kill(guard.front(), SIGKILL);
    resume(job);
    EXPECT_TRUE(goes_on(job));
    pause(job);
    ::kill(heard_[job].runner, SIGTERM);
    EXPECT_EQ(await_end(job).reason, "runner_stopped");
}

TEST_F(Paused, CoordinatorComesBackAndIsToldOfIt) {
    const JobId job = start_counting();
    pause(job);
    close_socket();
    heard_[job].pause.reset();
    open_socket();
    ASSERT_TRUE(await([&] { return heard_[job].pause.has_value(); }));
    EXPECT_TRUE(heard_[job].pause->is_frozen);
    resume(job);
    EXPECT_TRUE(goes_on(job));
    stop(job, 0s);
    await_end(job);
}

TEST_F(Paused, CallUnderWayIsAnsweredWhenItGoesOn) {
    const JobId job = start(
        "import os, urllib.request\n"
        "url = os.environ['LABHUB_URL']\n"
        "n = 0\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    urllib.request.urlopen(url, timeout=5).read()\n"
        "    n += 1\n"
        "    if n % 20 == 0: print(n, flush=True)\n");
    await_output(job, "up");
    for (int turn = 0; turn < 3; ++turn) {
        pause(job);
        // Longer than the script's own patience with its call.
        if (turn == 0) await([] { return false; }, 6s);
        resume(job);
        EXPECT_TRUE(goes_on(job)) << err();
    }
    stop(job, 0s);
    EXPECT_EQ(await_end(job).signal, SIGKILL) << err();
    EXPECT_EQ(err(), "");
}

TEST_F(Paused, OneThatDoesNotRunYetIsNotPaused) {
    const JobId job = start("print('up')\nimport time\ntime.sleep(600)\n");
    ASSERT_TRUE(await([&] { return heard_[job].hellos > 0; }));
    heard_[job].pause.reset();
    const bool asked_early = !heard_[job].started && socket_->pause_job(job, kLong).has_value();
    await_started(job);
    // It may have been started while the question was on its way.
    if (asked_early) {
        ASSERT_TRUE(await([&] { return heard_[job].pause.has_value(); }));
        EXPECT_NE(heard_[job].pause->failure.empty(), heard_[job].pause->failure == "the script is not running");
    }
    stop(job, 0s);
    await_end(job);
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
