#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "shared/base/result.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli::up {

struct ChildSpec {
    std::string name;                  ///< for people: "sim-1 agent"
    std::vector<std::string> command;  ///< program and arguments
    std::filesystem::path log;         ///< gets what it writes, after what is there already
    std::filesystem::path input = "/dev/null";
    /// Who it runs as when we are root; nothing: as we do. Not left to the program, as the kernel forgets whose death
    /// concerns a process that changes its user (prctl(2), PR_SET_PDEATHSIG).
    std::optional<std::string> user;
};

/// One process of ours. It has a process group of its own, so that Ctrl-C in the terminal reaches only us and the order
/// of stopping is ours; it is sent SIGTERM by the kernel when we die, however we die. Must be waited for before it is
/// destroyed.
class Child {
  public:
    static Result<Child> start(asio::any_io_executor executor, const ChildSpec& spec);

    /// Waits for its end: "exit status 1", "signal 9 (Killed)". Once.
    Task<std::string> wait();
    void signal(int number);

  private:
    Child(pid_t pid, asio::posix::stream_descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

    pid_t pid_;
    asio::posix::stream_descriptor pidfd_;
};

/// Runs a program that is soon done and gives what it wrote (output and errors). Error unavailable with its last lines
/// when it fails, timed_out after `limit`. `scratch` is a file for the output, removed afterwards.
Task<Result<std::string>> output_of(std::vector<std::string> command, std::filesystem::path scratch,
                                    std::chrono::milliseconds limit);

/// The last lines of a log, for a message; empty when there is none.
std::string last_lines(const std::filesystem::path& log, std::size_t count);

}  // namespace labhub::cli::up
