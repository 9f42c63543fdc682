#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/runtime/task.hpp"

namespace labhub::test {

/// Runs `io` until `task` has ended, for at most ten seconds, and returns what it gave.
template <class T>
T run(asio::io_context& io, Task<T> task) {
    std::optional<T> result;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr failure, T value) {
        if (failure) std::rethrow_exception(failure);
        result.emplace(std::move(value));
    });
    io.restart();
    const auto limit = Steady::now() + std::chrono::seconds{10};
    while (!result && Steady::now() < limit) io.run_one_for(std::chrono::milliseconds{100});
    if (!result) throw std::runtime_error("the task did not end");
    return std::move(*result);
}

inline void run(asio::io_context& io, Task<void> task) {
    bool ended = false;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
        ended = true;
    });
    io.restart();
    const auto limit = Steady::now() + std::chrono::seconds{10};
    while (!ended && Steady::now() < limit) io.run_one_for(std::chrono::milliseconds{100});
    if (!ended) throw std::runtime_error("the task did not end");
}

/// Runs `io` until `condition` holds, for at most ten seconds; whether it came to hold.
template <class Condition>
bool run_until(asio::io_context& io, Condition condition) {
    io.restart();
    const auto limit = Steady::now() + std::chrono::seconds{10};
    while (!condition() && Steady::now() < limit) io.run_one_for(std::chrono::milliseconds{20});
    return condition();
}

/// A folder of its own for one test.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "labhub-agent-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("can't make a temporary folder");
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace labhub::test
