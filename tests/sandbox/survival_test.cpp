// Who dies when, and what is left then.

#include <signal.h>

#include <algorithm>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

class Survival : public Lab {
  protected:
    /// A script that sleeps with a mark on a child's command line, by which it is found from outside.
    std::string marked_sleeper(const std::string& mark) {
        return "import subprocess, sys, time\n"
               "open('kept.txt', 'w').write('kept')\n"
               "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '" +
               mark +
               "'])\n"
               "print('up', flush=True)\n"
               "time.sleep(600)\n";
    }
    std::string mark() const { return data_.filename().string() + "-mark"; }
    bool all_gone(const std::string& mark) {
        return await([&] { return processes_with(mark).empty(); }, std::chrono::seconds{5});
    }
};

TEST_F(Survival, NothingOutlivesTheScript) {
    const Ended ended =
        run("import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            "        os.execv('/usr/bin/python3', ['python3', '-c', 'import time; time.sleep(600)', '" +
            mark() +
            "'])\n"
            "    os._exit(0)\n"
            "time.sleep(0.3)\n"
            "print('done')\n");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(out(), "done\n");
    EXPECT_TRUE(processes_with(mark()).empty());
}

TEST_F(Survival, KilledScriptEndsItsJob) {
    const JobId job = start(
        "import os, time\nopen('kept.txt', 'w').write('kept')\n"
        "os.execv('/usr/bin/python3', ['python3', '-c', 'print(1, flush=True); import time; "
        "time.sleep(600)', '" +
        mark() + "'])\n");
    await_output(job, "1");
    const auto script = processes_with(mark());
    ASSERT_EQ(script.size(), 1u);
    ::kill(script.front(), SIGKILL);
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.exit_code, 137);
    EXPECT_EQ(ended.signal, SIGKILL);
    EXPECT_EQ(ended.reason, "");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Survival, KilledInitEndsItsJob) {
    const JobId job = start(marked_sleeper(mark()));
    await_output(job, "up");
    const auto inside = processes_with("/run/labhub/init");
    const auto ours = std::find_if(inside.begin(), inside.end(), [&](pid_t pid) {
        const auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
        return status && status->find(") S " + std::to_string(heard_[job].runner) + " ") != std::string::npos;
    });
    ASSERT_NE(ours, inside.end());
    ::kill(*ours, SIGKILL);
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.signal, SIGKILL);
    EXPECT_TRUE(all_gone(mark()));
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Survival, KilledRunnerTakesItsSandboxAlongAndCollectKeepsTheOutputs) {
    const JobId job = start(marked_sleeper(mark()));
    await_output(job, "up");
    await_started(job);
    ASSERT_EQ(processes_with(mark()).size(), 1u);
    ::kill(heard_[job].runner, SIGKILL);
    EXPECT_TRUE(await([&] { return processes_with(mark()).empty(); }, std::chrono::seconds{1}))
        << "the sandbox lives on";
    EXPECT_TRUE(await([&] { return heard_[job].lost; }));
    EXPECT_FALSE(is_runner_alive(folder(job)));

    const RunnerState state = collect(job);
    ASSERT_TRUE(state.ended);
    EXPECT_EQ(state.ended->reason, "runner_lost");
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
    EXPECT_EQ(file(job, "exitcode.txt"), "137\n");
    EXPECT_NE(file(job, "stdout.txt").find("up"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder(job) / "sandbox"));

    const RunnerState again = collect(job);
    EXPECT_EQ(again.ended->time.count, state.ended->time.count);
    EXPECT_EQ(file(job, "output/kept.txt"), "kept");
}

TEST_F(Survival, CollectLeavesALivingRunnerAlone) {
    const JobId job = start("import time\nprint('up')\ntime.sleep(600)\n");
    await_output(job, "up");
    std::optional<ErrorCode> refused;
    const auto attempt = [](SpawnLauncher& launcher, std::filesystem::path folder,
                            std::optional<ErrorCode>& into) -> Task<void> {
        auto state = co_await launcher.collect(std::move(folder));
        into = state ? ErrorCode::internal : state.error().code;
    };
    asio::co_spawn(context_, attempt(*launcher_, folder(job), refused), asio::detached);
    EXPECT_TRUE(await([&] { return refused.has_value(); }));
    EXPECT_EQ(refused, ErrorCode::conflict);
    EXPECT_TRUE(socket_->stop_job(job, "user", std::chrono::milliseconds{0}));
    EXPECT_EQ(await_end(job).reason, "user");
}

TEST_F(Survival, CoordinatorComesBackAndTheCallMeanwhileIsAnswered) {
    answers_ = 1;
    const JobId job = start(
        "import os, urllib.request\n"
        "url = os.environ['LABHUB_URL']\n"
        "print(urllib.request.urlopen(url).read().decode(), flush=True)\n"
        "print('calling', flush=True)\n"
        "print('again', urllib.request.urlopen(url, timeout=60).read().decode(), flush=True)\n");
    await_output(job, "calling");
    close_socket();
    EXPECT_TRUE(is_runner_alive(folder(job)));
    // Nobody holds the listener but the runner now: the call waits in its backlog.
    EXPECT_EQ(file(job, "stdout.txt").find("again"), std::string::npos);
    open_socket();
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.exit_code, 0) << file(job, "stderr.txt");
    EXPECT_NE(file(job, "stdout.txt").find("again hub of " + job.value), std::string::npos);
    EXPECT_GE(heard_[job].hellos, 2);
}

TEST_F(Survival, EndIsToldToACoordinatorThatComesLater) {
    const JobId job =
        start("import time\nprint('up')\ntime.sleep(0.5)\nopen('x', 'w').write('y')\nraise SystemExit(3)\n");
    await_output(job, "up");
    close_socket();
    ASSERT_TRUE(await([&] { return std::filesystem::exists(folder(job) / "exitcode.txt"); }));
    open_socket();
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.exit_code, 3);
    EXPECT_EQ(file(job, "output/x"), "y");
}

TEST_F(Survival, StrangerWithoutTheSecretIsRefused) {
    const JobId job = start("import time\ntime.sleep(600)\n");
    secrets_[job] = "another";
    EXPECT_FALSE(await([&] { return heard_[job].hellos > 0; }, std::chrono::seconds{1}));
    secrets_[job] = read_job_spec(folder(job))->secret;
    await_started(job);
    EXPECT_TRUE(socket_->stop_job(job, "user", std::chrono::milliseconds{0}));
    await_end(job);
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
