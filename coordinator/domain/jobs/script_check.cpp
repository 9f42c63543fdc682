#include "coordinator/domain/jobs/script_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "shared/base/clock.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

constexpr std::chrono::seconds kTimeLimit{5};
constexpr int kNoPython = 127;

// compile() alone with dont_inherit: nothing of the script is executed. Prints one line, or nothing when all is well.
constexpr const char* kProgram =
    "import sys\n"
    "source = sys.stdin.buffer.read()\n"
    "try:\n"
    "    compile(source, 'user_script.py', 'exec', dont_inherit=True)\n"
    "except SyntaxError as e:\n"
    "    print(f'line {e.lineno or 1}, column {e.offset or 1}: {e.msg}')\n"
    "except (ValueError, RecursionError, MemoryError, OverflowError) as e:\n"
    "    print(f'line 1: {type(e).__name__}: {e}')\n";

void limit_child() {
    const rlimit memory{1u << 30, 1u << 30};
    const rlimit processor{5, 5};
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_AS, &memory);
    ::setrlimit(RLIMIT_CPU, &processor);
    ::setrlimit(RLIMIT_CORE, &none);
    ::setrlimit(RLIMIT_FSIZE, &none);
}

}  // namespace

Result<void> check_script_text(std::string_view script) {
    if (script.empty()) return Error{ErrorCode::malformed, "the script is empty"};
    if (script.size() > kMaxScriptBytes)
        return Error{ErrorCode::too_large, "the script has " + std::to_string(script.size()) + " bytes",
                     "at most " + std::to_string(kMaxScriptBytes) + " (1 MiB)"};
    std::size_t offset = 0;
    if (!is_utf8(script, &offset))
        return Error{ErrorCode::malformed,
                     "the script is not UTF-8 text: wrong byte at offset " + std::to_string(offset)};
    if (const auto nul = script.find('\0'); nul != std::string_view::npos)
        return Error{ErrorCode::malformed, "the script has a NUL byte at offset " + std::to_string(nul)};
    return {};
}

Result<SyntaxCheck::Child> SyntaxCheck::start_python() {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd in_read{in[0]}, in_write{in[1]};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd out_read{out[0]}, out_write{out[1]};
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("start the syntax check", errno);
    if (pid == 0) {
        // Between fork and exec only async-signal-safe calls: other threads may have held any lock.
        ::dup2(in_read.get(), 0);
        ::dup2(out_write.get(), 1);
        const int quiet = ::open("/dev/null", O_WRONLY);
        if (quiet >= 0) ::dup2(quiet, 2);
        limit_child();
        const char* const arguments[] = {"python3", "-I", "-S", "-c", kProgram, nullptr};
        const char* const environment[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", nullptr};
        ::execve("/usr/bin/python3", const_cast<char**>(arguments), const_cast<char**>(environment));
        ::_exit(kNoPython);
    }
    return Child{pid, std::move(in_write), std::move(out_read)};
}

/// Writes the script and reads the verdict at the same time, so that neither side waits for a full pipe.
Result<std::string> SyntaxCheck::converse(Child& child, std::string_view script) {
    const auto until = Steady::now() + kTimeLimit;
    std::string verdict;
    std::array<char, 4096> chunk{};
    ::fcntl(child.input.get(), F_SETFL, O_NONBLOCK);
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
        if (left <= 0)
            return Error{ErrorCode::malformed, "the script can't be parsed within " + format_duration(kTimeLimit)};
        std::array<pollfd, 2> files{pollfd{child.output.get(), POLLIN, 0},
                                    pollfd{child.input ? child.input.get() : -1, POLLOUT, 0}};
        if (::poll(files.data(), files.size(), static_cast<int>(left)) < 0 && errno != EINTR)
            return system_error("wait for the syntax check", errno);
        if (files[1].revents != 0) {
            const ssize_t put = ::write(child.input.get(), script.data(), script.size());
            if (put > 0) script.remove_prefix(static_cast<std::size_t>(put));
            if (script.empty() || (put < 0 && errno != EAGAIN)) child.input.reset();
        }
        if (files[0].revents == 0) continue;
        const ssize_t got = ::read(child.output.get(), chunk.data(), chunk.size());
        if (got <= 0) return verdict;
        verdict.append(chunk.data(), static_cast<std::size_t>(got));
    }
}

/// Python's verdict, empty when all is well; none when Python itself failed. Ends the child.
Result<std::optional<std::string>> SyntaxCheck::ask(Child child, std::string_view script) {
    auto verdict = converse(child, script);
    if (!verdict) ::kill(child.pid, SIGKILL);
    child.input.reset();
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!verdict) return std::move(verdict).error();
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoPython)
        return Error{ErrorCode::unavailable, "scripts can't be checked: /usr/bin/python3 can't be started on the hub"};
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::optional<std::string>();
    return std::optional<std::string>(std::move(*verdict));
}

SyntaxCheck::~SyntaxCheck() {
    const auto child = take_waiting();
    if (!child) return;
    ::kill(child->pid, SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
}

std::optional<SyntaxCheck::Child> SyntaxCheck::take_waiting() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, std::nullopt);
}

void SyntaxCheck::prepare() {
    const std::lock_guard lock(mutex_);
    if (waiting_) return;
    if (auto child = start_python()) waiting_ = std::move(*child);
}

Result<void> SyntaxCheck::check(std::string_view script) {
    std::optional<std::string> verdict;
    if (auto waiting = take_waiting()) {
        LABHUB_TRY(verdict, ask(std::move(*waiting), script));
    }
    if (!verdict) {
        // None waited, or it ended for reasons of its own: only one that was started for this script is to be believed.
        LABHUB_TRY(auto child, start_python());
        LABHUB_TRY(verdict, ask(std::move(child), script));
    }
    if (!verdict) return Error{ErrorCode::malformed, "the script can't be parsed: Python's parser gave up on it"};
    if (!verdict->empty())
        return Error{ErrorCode::malformed, "the script has a syntax error: " + printable(trim(*verdict), 300)};
    return {};
}

}  // namespace labhub::coordinator::jobs
