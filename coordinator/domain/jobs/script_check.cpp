#include "coordinator/domain/jobs/script_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "shared/base/clock.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// Of this machine's time, however busy it is; processor time has a limit of its own (RLIMIT_CPU of its confinement).
constexpr std::chrono::seconds kTimeLimit{30};
constexpr int kNoProgram = 127;
/// More than any verdict: what comes after it is not the checker speaking.
constexpr std::size_t kMaxVerdict = 256u << 10;

/// Nothing where the answer is none of ours: Python was ended on the way.
Result<std::optional<std::vector<images::Import>>> findings_of(const std::string& verdict) {
    const std::optional<std::vector<images::Import>> nothing;
    const auto parsed = parse_json(verdict);
    if (!parsed || !parsed->is_object()) return nothing;
    const auto& object = parsed->get_object();
    if (const auto* error = object.if_contains("error")) {
        if (error->is_string())
            return Error{ErrorCode::malformed, "the script has a syntax error: " +
                                                   printable(trim(std::string_view(error->get_string())), 300)};
        if (!error->is_object()) return nothing;
        const auto* const message = error->get_object().if_contains("message");
        return Error{ErrorCode::unavailable,
                     "scripts can't be checked: " + (message && message->is_string()
                                                         ? printable(std::string_view(message->get_string()), 300)
                                                         : std::string("its Python does not start"))};
    }
    std::vector<images::Import> imports;
    const auto* const found = object.if_contains("imports");
    if (!found || !found->is_array()) return nothing;
    for (const auto& each : found->get_array()) {
        if (!each.is_array() || each.get_array().size() != 2) return nothing;
        const auto& pair = each.get_array();
        if (!pair[0].is_string() || !pair[1].is_int64()) return nothing;
        imports.push_back({std::string(pair[0].get_string()), static_cast<int>(pair[1].get_int64())});
    }
    return std::optional(std::move(imports));
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

Result<ScriptCheck::Child> ScriptCheck::start_python() const {
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd in_read{in[0]}, in_write{in[1]};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd out_read{out[0]}, out_write{out[1]};
    const std::string root = reader_.root.string();
    const char* const arguments[] = {"labhub-image", "check-script", root.c_str(), reader_.python.c_str(), nullptr};
    const char* const environment[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", nullptr};
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("start the script check", errno);
    if (pid == 0) {
        // Between fork and exec only async-signal-safe calls: other threads may have held any lock.
        ::dup2(in_read.get(), 0);
        ::dup2(out_write.get(), 1);
        const int quiet = ::open("/dev/null", O_WRONLY);
        if (quiet >= 0) ::dup2(quiet, 2);
        ::execve(reader_.program.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
        ::_exit(kNoProgram);
    }
    return Child{pid, std::move(in_write), std::move(out_read)};
}

/// Writes the script and reads the verdict at the same time, so that neither side waits for a full pipe.
Result<std::string> ScriptCheck::converse(Child& child, std::string_view script) {
    const auto until = Steady::now() + kTimeLimit;
    std::string verdict;
    std::array<char, 4096> chunk{};
    ::fcntl(child.input.get(), F_SETFL, O_NONBLOCK);
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
        if (left <= 0)
            return Error{ErrorCode::unavailable,
                         "the script could not be checked within " + format_duration(kTimeLimit),
                         "the hub is very busy: send it again later"};
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
        if (verdict.size() > kMaxVerdict)
            return Error{ErrorCode::malformed, "the script can't be parsed: its verdict has no end"};
    }
}

/// Python's verdict, empty when all is well; none when Python itself failed. Ends the child.
Result<std::optional<std::string>> ScriptCheck::ask(Child child, std::string_view script) {
    auto verdict = converse(child, script);
    if (!verdict) ::kill(child.pid, SIGKILL);
    child.input.reset();
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!verdict) return std::move(verdict).error();
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoProgram)
        return Error{ErrorCode::unavailable, "scripts can't be checked: labhub-image can't be started on the hub"};
    if (verdict->empty()) return std::optional<std::string>();
    return std::optional<std::string>(std::move(*verdict));
}

ScriptCheck::~ScriptCheck() {
    const auto child = take_waiting();
    if (!child) return;
    ::kill(child->pid, SIGKILL);
    ::waitpid(child->pid, nullptr, 0);
}

std::optional<ScriptCheck::Child> ScriptCheck::take_waiting() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, std::nullopt);
}

void ScriptCheck::prepare() {
    const std::lock_guard lock(mutex_);
    if (waiting_) return;
    if (auto child = start_python()) waiting_ = std::move(*child);
}

Result<std::vector<images::Import>> ScriptCheck::check(std::string_view script) {
    if (auto waiting = take_waiting()) {
        LABHUB_TRY(const auto verdict, ask(std::move(*waiting), script));
        if (verdict) {
            LABHUB_TRY(auto findings, findings_of(*verdict));
            if (findings) return std::move(*findings);
        }
    }
    // None waited, or it ended for reasons of its own: only one that was started for this script is to be believed.
    LABHUB_TRY(auto child, start_python());
    LABHUB_TRY(const auto verdict, ask(std::move(child), script));
    if (verdict) {
        LABHUB_TRY(auto findings, findings_of(*verdict));
        if (findings) return std::move(*findings);
    }
    return Error{ErrorCode::malformed, "the script can't be parsed: Python's parser gave up on it"};
}

}  // namespace labhub::coordinator::jobs
