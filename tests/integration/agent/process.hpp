#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace labhub::test {

/// A child process of a test; killed when the test forgets it.
class Process {
  public:
    Process() = default;
    /// Starts `arguments[0]`, found on the PATH, with stdout and stderr going to `out` and `err` (one file may be
    /// both).
    Process(std::vector<std::string> arguments, std::filesystem::path out, std::filesystem::path err);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    void signal(int number) const;
    /// SIGKILL, and gone.
    void kill();
    /// Its exit status (128 + signal), or -1 when it hasn't ended by then.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds{20});
    bool is_running() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

struct Output {
    int status = -1;
    std::string out;
    std::string err;
};

/// Runs a program to its end.
Output run_program(std::vector<std::string> arguments, const std::filesystem::path& folder);

std::string text_of(const std::filesystem::path& file);

/// Asks again and again until it is true, for at most `limit`; whether it became true.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds{20});

void pause_between_tries();

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        pause_between_tries();
    }
    return true;
}

}  // namespace labhub::test
