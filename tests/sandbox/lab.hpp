#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "coordinator/runner/job_socket.hpp"
#include "coordinator/runner/job_spec.hpp"
#include "coordinator/runner/spawn_launcher.hpp"

namespace labhub::coordinator::runner::test {

/// What the lab has heard of one job.
struct Heard {
    int hellos = 0;
    pid_t runner = 0;
    bool lost = false;
    UniqueFd listener;
    std::optional<Started> started;
    std::optional<Ended> ended;
    std::optional<PauseState> pause;
};

/// A coordinator in the small: the real JobSocket and launcher, and a server on each job's listener that answers every
/// request with "hub". Tests drive its loop by waiting for something.
class Lab : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// What every job's specification begins with.
    JobSpec usual_spec() const;
    /// Starts the script; `adjust` may change its specification.
    JobId start(const std::string& script, const std::function<void(JobSpec&)>& adjust = {});
    /// Starts it, waits for its end, releases the runner. Fails the test when it doesn't end within two minutes.
    Ended run(const std::string& script, const std::function<void(JobSpec&)>& adjust = {});
    Ended await_end(const JobId& job);
    void await_started(const JobId& job);
    /// Runs the loop until `happened`, at most `limit`; whether it did.
    bool await(const std::function<bool()>& happened, std::chrono::seconds limit = std::chrono::seconds{60});
    /// Waits until stdout.txt holds `text`.
    void await_output(const JobId& job, const std::string& text);

    void open_socket();
    /// The coordinator dies: connections, listeners and socket go.
    void close_socket();
    RunnerState collect(const JobId& job);

    std::filesystem::path folder(const JobId& job) const { return data_ / job.value; }
    std::string file(const JobId& job, const std::string& name) const;
    std::string out() const { return file(last_, "stdout.txt"); }
    std::string err() const { return file(last_, "stderr.txt"); }

    asio::io_context context_;
    std::filesystem::path data_;
    std::unique_ptr<JobSocket> socket_;
    std::unique_ptr<SpawnLauncher> launcher_;
    std::map<JobId, Heard> heard_;
    std::map<JobId, std::string> secrets_;
    JobId last_;
    int answers_ = kManyAnswers;  ///< how many requests a listener's server answers before it stops accepting
    static constexpr int kManyAnswers = 1 << 30;

  private:
    void launch(const std::filesystem::path& folder);
    Task<void> serve(JobId job, int listener);
    JobSocketEvents events();
    std::unique_ptr<TaskGroup> servers_;
};

/// The labhub-runner under test.
std::filesystem::path runner_program();

/// Processes on this host whose command line holds `text`.
std::vector<pid_t> processes_with(const std::string& text);

}  // namespace labhub::coordinator::runner::test
