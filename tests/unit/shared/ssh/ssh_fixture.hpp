#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "shared/ssh/client.hpp"
#include "shared/ssh/server.hpp"

namespace labhub::ssh::testing {

/// What a finished process left.
struct Finished {
    int status = -1;  ///< exit status, or 128 + signal
    std::string out;
    std::string err;
};

/// A folder that goes with the test.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    std::filesystem::path path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// A process whose output goes to files; killed if it still runs when dropped.
class Process {
  public:
    Process(const std::filesystem::path& folder, std::vector<std::string> command);
    ~Process();
    Finished wait();
    void kill();

  private:
    std::filesystem::path out_, err_;
    int pid_ = -1;
};
Finished run_process(const std::filesystem::path& folder, std::vector<std::string> command);

/// A server on a loop of its own, with the commands `say TEXT`, `fail`, `big`, `wait`, `whoami` and the subsystems
/// `echo` and `flood`. `wait` ends only by cancellation. One user key is authorised as "ada", role "operator".
class SshTest : public ::testing::Test {
  protected:
    static constexpr std::size_t kFloodBytes = 8u << 20;

    SshTest();
    ~SshTest() override;
    void start(ServerLimits limits = {});
    void stop();

    /// Runs the task on the loop and waits for it.
    template <class T>
    T run(Task<T> task) {
        return asio::co_spawn(io_, std::move(task), asio::use_future).get();
    }
    void run(Task<void> task) { asio::co_spawn(io_, std::move(task), asio::use_future).get(); }

    ClientOptions client() const;
    Result<std::unique_ptr<Session>> connect() { return connect(client()); }
    Result<std::unique_ptr<Session>> connect(ClientOptions options);
    Result<ExecResult> exec(Session& session, std::string command) { return run(session.exec(std::move(command))); }
    /// A Session belongs to the loop's thread, and ends there.
    void drop(std::unique_ptr<Session> session);
    ServerCounters counters();
    /// Polls the counters until `reached`, at most ten seconds.
    bool eventually(std::function<bool(const ServerCounters&)> reached);
    /// The OpenSSH client's command line: nothing from the user's own configuration.
    std::vector<std::string> openssh(std::vector<std::string> options, std::vector<std::string> command) const;
    Finished ssh(std::vector<std::string> options, std::vector<std::string> command) const {
        return run_process(folder_.path(), openssh(std::move(options), std::move(command)));
    }

    TemporaryFolder folder_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::unique_ptr<Server> server_;
    std::uint16_t port_ = 0;
    PublicKey user_key_;
    std::shared_ptr<std::atomic<int>> waiting_ = std::make_shared<std::atomic<int>>(0);  // `wait` commands running now
    std::thread loop_;
};

}  // namespace labhub::ssh::testing
