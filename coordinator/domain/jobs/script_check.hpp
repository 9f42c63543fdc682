#pragma once

#include <sys/types.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/domain/images/image.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

inline constexpr std::size_t kMaxScriptBytes = 1u << 20;

/// Whether the text can be a script at all: not empty, at most kMaxScriptBytes, UTF-8 without NUL. Error malformed or
/// too_large, saying where.
Result<void> check_script_text(std::string_view script);

/// Which Python reads scripts, and what confines it.
struct ScriptReader {
    std::filesystem::path program;           ///< labhub-image
    std::filesystem::path root{"/"};         ///< of the image
    std::string python{"/usr/bin/python3"};  ///< in it
};

/// What a script is: whether Python can parse it, and what it imports, asked of the image's own Python. The text goes
/// in by standard input and is compiled, never run, by a process that can do nothing but that (labhub-image
/// check-script). Starting it is most of what a check takes, so one may be started ahead that waits for the next
/// script; it ends by itself when this process does.
///
/// Thread: any, several at once. Ownership: the waiting child. The process must ignore SIGPIPE: a child may end early.
class ScriptCheck {
  public:
    explicit ScriptCheck(ScriptReader reader) : reader_(std::move(reader)) {}
    ~ScriptCheck();
    ScriptCheck(const ScriptCheck&) = delete;
    ScriptCheck& operator=(const ScriptCheck&) = delete;

    /// Starts the Python for the next check, unless one waits already. Where it can't be started check() will say so.
    void prepare();
    /// Blocks for up to half a minute. The imports whose failure nothing in the script catches, top-level names by
    /// their first lines. Error malformed with line, column and Python's own message; unavailable when there is no
    /// Python.
    Result<std::vector<images::Import>> check(std::string_view script);

  private:
    struct Child {
        pid_t pid = -1;
        UniqueFd input;   ///< the child's standard input
        UniqueFd output;  ///< its standard output
    };

    Result<Child> start_python() const;
    static Result<std::string> converse(Child& child, std::string_view script);
    static Result<std::optional<std::string>> ask(Child child, std::string_view script);
    std::optional<Child> take_waiting();

    ScriptReader reader_;
    std::mutex mutex_;
    std::optional<Child> waiting_;
};

}  // namespace labhub::coordinator::jobs
