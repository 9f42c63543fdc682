#include <csignal>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/cli/up/supervised.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/task_group.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli::up {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class SupervisedTest : public ::testing::Test {
  protected:
    /// A shell that first notes its process id in the file `pid`.
    ChildSpec shell(const std::string& script) {
        ChildSpec spec;
        spec.name = "child";
        spec.command = {"/bin/sh", "-c", "echo $$ >> " + pid_file() + "; " + script};
        spec.log = folder_.path() / "log";
        return spec;
    }
    std::string pid_file() const { return folder_.path() / "pid"; }
    std::vector<pid_t> pids() const {
        std::vector<pid_t> all;
        const std::string text = read_file(pid_file()).value_or("");
        for (const std::string_view line : split(text, '\n'))
            if (!line.empty()) all.push_back(static_cast<pid_t>(std::stol(std::string(line))));
        return all;
    }
    Supervised::Tell tell() {
        return [this](const std::string& line) { told_ += line + "\n"; };
    }
    /// Runs the loop until `is_met`; a test that would wait for ever fails instead.
    void run_until(std::function<bool()> is_met) {
        const auto deadline = Steady::now() + 20s;
        while (!is_met() && Steady::now() < deadline) io_.restart(), io_.run_for(10ms);
        ASSERT_TRUE(is_met());
    }
    void stop(Supervised& supervised, std::chrono::milliseconds grace) {
        bool is_stopped = false;
        asio::co_spawn(io_, supervised.stop(grace), [&](std::exception_ptr) { is_stopped = true; });
        run_until([&] { return is_stopped; });
    }

    testing::TestFolder folder_;
    asio::io_context io_;
    TaskGroup tasks_{io_.get_executor()};
    std::string told_;
};

TEST_F(SupervisedTest, StartsAgainWhatEndsUnasked) {
    Supervised supervised(io_.get_executor(), shell("exec sleep 100"), tell());
    tasks_.spawn("child", supervised.run());
    run_until([&] { return pids().size() == 1; });
    ::kill(pids().front(), SIGKILL);
    run_until([&] { return pids().size() == 2; });
    EXPECT_EQ(supervised.deaths(), 1u);
    EXPECT_THAT(told_, HasSubstr("child ended unasked: signal 9 (Killed)"));
    EXPECT_THAT(told_, HasSubstr("child is started again in "));
    stop(supervised, 5s);
    EXPECT_EQ(::kill(pids().back(), 0), -1);
}

TEST_F(SupervisedTest, StopsQuietlyWhatAnswersToSigterm) {
    Supervised supervised(io_.get_executor(), shell("exec sleep 100"), tell());
    tasks_.spawn("child", supervised.run());
    run_until([&] { return pids().size() == 1; });
    stop(supervised, 10s);
    EXPECT_EQ(told_, "");
    EXPECT_EQ(::kill(pids().front(), 0), -1);
}

TEST_F(SupervisedTest, KillsWhatDoesNotStop) {
    Supervised supervised(io_.get_executor(), shell("trap '' TERM; while :; do sleep 0.1; done"), tell());
    tasks_.spawn("child", supervised.run());
    run_until([&] { return pids().size() == 1; });
    stop(supervised, 50ms);
    EXPECT_THAT(told_, HasSubstr("child did not stop within 50ms: killed"));
    EXPECT_EQ(::kill(pids().front(), 0), -1);
}

TEST_F(SupervisedTest, TellsWhatCannotBeStarted) {
    ChildSpec spec = shell("");
    spec.command = {"/no/such/program"};
    Supervised supervised(io_.get_executor(), spec, tell());
    tasks_.spawn("child", supervised.run());
    run_until([&] { return supervised.deaths() == 1; });
    EXPECT_THAT(told_, HasSubstr("exit status 127"));
    EXPECT_THAT(last_lines(spec.log, 1), HasSubstr("can't be executed"));
    stop(supervised, 1s);
}

TEST_F(SupervisedTest, ChildrenDieWithAProcessThatIsKilled) {
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        asio::io_context io;
        auto child = Child::start(io.get_executor(), shell("exec sleep 100"));
        ::pause();
    }
    run_until([&] { return pids().size() == 1; });
    // The child asks the kernel for this before it becomes the shell that wrote the file.
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    const pid_t child = pids().front();
    run_until([&] {
        return ::kill(child, 0) == -1 ||
               read_file("/proc/" + std::to_string(child) + "/stat").value_or(") Z").find(") Z") != std::string::npos;
    });
}

TEST_F(SupervisedTest, LastLinesAreTheEndOfTheLog) {
    ASSERT_TRUE(write_file(folder_.path() / "log", "one\ntwo\nthree\n"));
    EXPECT_EQ(last_lines(folder_.path() / "log", 2), "two\nthree");
    EXPECT_EQ(last_lines(folder_.path() / "log", 9), "one\ntwo\nthree");
    EXPECT_EQ(last_lines(folder_.path() / "none", 2), "");
}

TEST_F(SupervisedTest, OutputOfAProgramOrItsFailure) {
    const auto output = [&](std::vector<std::string> command, std::chrono::milliseconds limit) {
        Result<std::string> got;
        bool is_done = false;
        asio::co_spawn(io_, output_of(std::move(command), folder_.path() / "out", limit),
                       [&](std::exception_ptr, Result<std::string> result) {
                           got = std::move(result);
                           is_done = true;
                       });
        run_until([&] { return is_done; });
        return got;
    };
    EXPECT_EQ(output({"/bin/echo", "a b"}, 10s), "a b\n");
    const auto failed = output({"/bin/sh", "-c", "echo why >&2; exit 3"}, 10s);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().to_string(), "sh failed: exit status 3 (why)");
    EXPECT_EQ(output({"/bin/sleep", "100"}, 50ms).error().code, ErrorCode::timed_out);
}

}  // namespace
}  // namespace labhub::cli::up
