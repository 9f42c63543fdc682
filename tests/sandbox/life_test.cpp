// The ordinary life of a job.

#include <signal.h>
#include <sys/stat.h>

#include "tests/sandbox/lab.hpp"

namespace labhub::coordinator::runner::test {
namespace {

class Life : public Lab {};

TEST_F(Life, CompletesWithOutputsAndLogs) {
    const Ended ended =
        run("import sys\nprint('to out')\nprint('to err', file=sys.stderr)\nopen('r.csv', 'w').write('1,2')\n");
    EXPECT_EQ(ended.exit_code, 0) << ended.message << err() << file(last_, "runner.log");
    EXPECT_EQ(ended.reason, "");
    EXPECT_EQ(out(), "to out\n");
    EXPECT_EQ(err(), "to err\n");
    EXPECT_EQ(file(last_, "output/r.csv"), "1,2");
    EXPECT_EQ(file(last_, "exitcode.txt"), "0\n");
    EXPECT_GT(ended.cpu_ms, 0u);
    EXPECT_GT(ended.peak_memory_bytes, 1u << 20);
    struct stat facts {};
    ASSERT_EQ(::stat((folder(last_) / "output/r.csv").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0644u);
    EXPECT_EQ(facts.st_uid, ::geteuid());
    EXPECT_EQ(read_runner_state(folder(last_))->phase, Phase::ended);
}

TEST_F(Life, KeepsWhatAFailedRunWrote) {
    const Ended ended = run("open('half.txt', 'w').write('half')\nraise ValueError('told you')\n");
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_EQ(ended.signal, 0);
    EXPECT_EQ(ended.reason, "");
    EXPECT_NE(err().find("ValueError: told you"), std::string::npos);
    EXPECT_EQ(file(last_, "output/half.txt"), "half");
}

TEST_F(Life, TellsASignalFromAnExitCode) {
    EXPECT_EQ(run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n").signal, SIGSEGV);
    const Ended exited = run("raise SystemExit(139)\n");
    EXPECT_EQ(exited.signal, 0);
    EXPECT_EQ(exited.exit_code, 139);
}

TEST_F(Life, FindsTheEnvironmentOfTheContract) {
    run("import os, sys\n"
        "for n in ('BIOREACTOR_NODE_API_URL', 'BIOREACTOR_HUB_API_URL', 'PYTHONUNBUFFERED', 'MPLBACKEND', "
        "'OMP_NUM_THREADS'):\n"
        "    print(n, os.environ[n])\n"
        "print(os.environ['EXPERIMENT_ID'], os.getcwd(), sys.argv[0], sys.version_info >= (3, 9), os.getuid() != 0)\n"
        "print(os.environ['MINE'])\n",
        [](JobSpec& spec) { spec.environment["MINE"] = "quote ' \" $HOME; rm -rf /"; });
    EXPECT_EQ(out(),
              "BIOREACTOR_NODE_API_URL http://127.0.0.1:8000\n"
              "BIOREACTOR_HUB_API_URL http://127.0.0.1:8000\n"
              "PYTHONUNBUFFERED 1\nMPLBACKEND Agg\nOMP_NUM_THREADS 1\n" +
                  last_.value + " /app/output /app/user_script.py True True\nquote ' \" $HOME; rm -rf /\n")
        << err();
}

TEST_F(Life, ComputesAndPlots) {
    const Ended ended =
        run("import numpy, pandas, matplotlib.pyplot as plt\n"
            "frame = pandas.DataFrame({'t': numpy.arange(10.0), 'od': numpy.arange(10.0) ** 2})\n"
            "print(numpy.linalg.solve(numpy.eye(3), numpy.ones(3)).sum())\n"
            "frame.to_csv('od.csv')\n"
            "plt.plot(frame.t, frame.od); plt.savefig('od.png')\n");
    EXPECT_EQ(ended.exit_code, 0) << err();
    EXPECT_EQ(out(), "3.0\n");
    EXPECT_EQ(file(last_, "output/od.png").substr(1, 3), "PNG");
    EXPECT_NE(file(last_, "output/od.csv").find("od"), std::string::npos);
    EXPECT_EQ(err(), "");
}

TEST_F(Life, RunsThreadsSubprocessesAndPools) {
    const Ended ended =
        run("import asyncio, multiprocessing, subprocess, threading\n"
            "def f(x): return x * x\n"
            "if __name__ == '__main__':\n"
            "    t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
            "    print(subprocess.run(['sh', '-c', 'echo shell'], capture_output=True, text=True).stdout.strip())\n"
            "    with multiprocessing.Pool(2) as pool: print(pool.map(f, [1, 2, 3]))\n"
            "    asyncio.run(asyncio.sleep(0.01))\n"
            "    print('end')\n");
    EXPECT_EQ(ended.exit_code, 0) << err();
    EXPECT_EQ(out(), "thread\nshell\n[1, 4, 9]\nend\n");
}

TEST_F(Life, ShowsItsLogWhileItRuns) {
    const JobId job = start("import time\nprint('first')\ntime.sleep(600)\n");
    await_output(job, "first");
    await_started(job);
    EXPECT_FALSE(heard_[job].ended);
    EXPECT_TRUE(socket_->stop_job(job, "user", std::chrono::seconds{5}));
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.reason, "user");
    EXPECT_EQ(ended.signal, SIGTERM);
}

TEST_F(Life, GivesAStoppedScriptTimeToTidyUp) {
    const JobId job = start(
        "import signal, sys, time\n"
        "def leave(*_):\n    open('tidy.txt', 'w').write('tidy'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('ready')\ntime.sleep(600)\n");
    await_output(job, "ready");
    EXPECT_TRUE(socket_->stop_job(job, "user", std::chrono::seconds{20}));
    const Ended ended = await_end(job);
    EXPECT_EQ(ended.reason, "user");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(file(job, "output/tidy.txt"), "tidy");
}

TEST_F(Life, SaysWhyASandboxCouldNotBeMade) {
    const Ended ended = run("print(1)\n", [](JobSpec& spec) { spec.runtime = "/usr/bin/false"; });
    EXPECT_EQ(ended.reason, "sandbox_failed");
    EXPECT_NE(ended.message.find("/usr/bin/false"), std::string::npos) << ended.message;
    const Ended missing = run("print(1)\n", [](JobSpec& spec) { spec.argv = {"/usr/bin/no-such-python"}; });
    EXPECT_EQ(missing.reason, "sandbox_failed");
    EXPECT_NE(missing.message.find("no-such-python"), std::string::npos) << missing.message;
}

TEST_F(Life, WorksWithoutUserNamespace) {
    // As on a host that forbids them: the choice that the first job kept, changed in a folder of our own.
    run("print(1)\n");
    auto kept = *read_file(read_job_spec(folder(last_))->cache_folder / "sandbox-host.json");
    const std::string with = "\"user_namespace\": true";
    if (kept.find(with) == std::string::npos)
        GTEST_SKIP() << "user namespaces don't work here: every test runs without";
    kept.replace(kept.find(with), with.size(), "\"user_namespace\": false");
    const auto cache = data_ / "cache";
    std::filesystem::create_directories(cache);
    ASSERT_TRUE(write_file(cache / "sandbox-host.json", kept));
    const Ended ended =
        run("import os\nopen('x', 'w').write('y')\nprint(os.getuid() > 1000000000)\n"
            "print(open('/proc/self/uid_map').read().split())\n",
            [&](JobSpec& spec) { spec.cache_folder = cache; });
    EXPECT_EQ(ended.exit_code, 0) << ended.message << err();
    EXPECT_EQ(out(), "True\n['0', '0', '4294967295']\n");
    EXPECT_EQ(file(last_, "output/x"), "y");
}

TEST_F(Life, RuntimeIsChosenByConfiguration) {
    // As runsc or kata would be: any program with runc's command line, by its path.
    const auto program = data_ / "my-runtime";
    ASSERT_TRUE(write_file(program,
                           "#!/bin/sh\n[ \"$1\" = --version ] && echo 'mine version 7' && exit\n"
                           "echo \"$@\" >> " +
                               (data_ / "calls").string() + "\nexec runc \"$@\"\n",
                           0755));
    if (!std::filesystem::exists("/usr/sbin/runc") && !std::filesystem::exists("/usr/bin/runc"))
        GTEST_SKIP() << "runc, which this one calls, is not installed";
    const auto cache = data_ / "cache";
    std::filesystem::create_directories(cache);
    const Ended ended = run("print('in mine')\n", [&](JobSpec& spec) {
        spec.runtime = program.string();
        spec.cache_folder = cache;
    });
    EXPECT_EQ(ended.exit_code, 0) << ended.message << err();
    EXPECT_EQ(heard_[last_].started->runtime, "mine 7");
    EXPECT_NE(read_file(data_ / "calls").value_or("").find(last_.value), std::string::npos);
}

TEST_F(Life, WorksWithRuncToo) {
    if (!std::filesystem::exists("/usr/sbin/runc") && !std::filesystem::exists("/usr/bin/runc"))
        GTEST_SKIP() << "runc is not installed";
    const auto cache = data_ / "cache";
    std::filesystem::create_directories(cache);
    const Ended ended =
        run("import os, urllib.request\nopen('x', 'w').write('y')\nopen('/tmp/x', 'w').write('y')\n"
            "print(urllib.request.urlopen(os.environ['LABHUB_URL']).read().decode())\n",
            [&](JobSpec& spec) { spec.runtime = "runc", spec.cache_folder = cache; });
    EXPECT_EQ(ended.exit_code, 0) << ended.message << err();
    EXPECT_EQ(heard_[last_].started->runtime.substr(0, 4), "runc");
    EXPECT_EQ(file(last_, "output/x"), "y");
    EXPECT_NE(out().find("hub of"), std::string::npos);
}

}  // namespace
}  // namespace labhub::coordinator::runner::test
