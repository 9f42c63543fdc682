#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string_view>

#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

inline constexpr std::size_t kMaxScriptBytes = 1u << 20;

/// Whether the text can be a script at all: not empty, at most kMaxScriptBytes, UTF-8 without NUL. Error malformed or
/// too_large, saying where.
Result<void> check_script_text(std::string_view script);

/// Whether Python can parse a script, asked of /usr/bin/python3 itself: the text goes in by standard input and is
/// compiled, never run. Starting Python is most of what a check takes, so one may be started ahead that waits for the
/// next script; it ends by itself when this process does.
///
/// Thread: any, several at once. Ownership: the waiting child. The process must ignore SIGPIPE: a child may end early.
class SyntaxCheck {
  public:
    SyntaxCheck() = default;
    ~SyntaxCheck();
    SyntaxCheck(const SyntaxCheck&) = delete;
    SyntaxCheck& operator=(const SyntaxCheck&) = delete;

    /// Starts the Python for the next check, unless one waits already. Where it can't be started check() will say so.
    void prepare();
    /// Blocks for up to five seconds. Error malformed with line, column and Python's own message; unavailable when
    /// there is no Python here.
    Result<void> check(std::string_view script);

  private:
    struct Child {
        pid_t pid = -1;
        UniqueFd input;   ///< the child's standard input
        UniqueFd output;  ///< its standard output
    };

    static Result<Child> start_python();
    static Result<std::string> converse(Child& child, std::string_view script);
    static Result<std::optional<std::string>> ask(Child child, std::string_view script);
    std::optional<Child> take_waiting();

    std::mutex mutex_;
    std::optional<Child> waiting_;
};

}  // namespace labhub::coordinator::jobs
