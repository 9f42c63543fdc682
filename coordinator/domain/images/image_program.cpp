#include "coordinator/domain/images/image_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "coordinator/runner/detached.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

extern char** environ;

namespace labhub::coordinator::images {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxLine = 8u << 20;

Error error_from(const json::object& said) {
    const auto text = [&](const char* name) {
        const auto* found = said.if_contains(name);
        return found && found->is_string() ? std::string(found->get_string()) : std::string{};
    };
    return Error{code_from_name(text("code")), text("message"), text("detail")};
}

/// Its own session, so that a terminal's Ctrl-C is not for it; standard error goes where ours goes.
Result<pid_t> spawn(const std::filesystem::path& program, std::vector<std::string> words, int output) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, 1);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    pid_t pid = 0;
    const int failure = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failure != 0) return system_error("start " + program.string(), failure);
    return pid;
}

}  // namespace

Result<std::shared_ptr<ImageProgram>> ImageProgram::start(asio::any_io_executor executor,
                                                          const std::filesystem::path& program,
                                                          std::vector<std::string> arguments) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd ours{ends[0]};
    const UniqueFd theirs{ends[1]};
    arguments.insert(arguments.begin(), "labhub-image");
    LABHUB_TRY(const pid_t pid, spawn(program, std::move(arguments), theirs.get()));
    return std::shared_ptr<ImageProgram>(new ImageProgram(executor, pid, ours.release()));
}

ImageProgram::~ImageProgram() {
    if (is_reaped_) return;
    kill();
    ::waitpid(pid_, nullptr, 0);
}

void ImageProgram::kill() {
    if (!is_reaped_) ::kill(pid_, SIGKILL);
}

void ImageProgram::take_line(const std::string& line, const Progress& progress) {
    auto parsed = parse_json(line);
    if (!parsed || !parsed->is_object()) return;
    const auto* const said = parsed->get_object().if_contains("progress");
    if (said && said->is_string())
        progress(std::string(said->get_string()));
    else
        last_ = std::move(parsed->get_object());
}

/// True: its output ended, and with it the program.
Task<bool> ImageProgram::read_all(std::shared_ptr<ImageProgram> self, Progress progress) {
    std::string rest;
    std::vector<char> chunk(1u << 16);
    while (rest.size() < kMaxLine) {
        auto [failure, got] = co_await self->output_.async_read_some(asio::buffer(chunk), as_result);
        if (failure) co_return failure == asio::error::eof;
        rest.append(chunk.data(), got);
        for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
            self->take_line(rest.substr(0, end), progress);
            rest.erase(0, end + 1);
        }
    }
    co_return false;
}

Task<Result<json::object>> ImageProgram::follow(std::shared_ptr<ImageProgram> self, Progress progress,
                                                std::chrono::milliseconds limit) {
    auto reading = read_all(self, std::move(progress));
    const auto read = co_await within(limit, std::move(reading));
    if (!read || !*read) self->kill();
    const int status = co_await runner::await_exit(self->pid_);
    if (status != -1) self->is_reaped_ = true;
    if (!read) {
        Error late{ErrorCode::timed_out, "it took more than " + format_duration(limit)};
        co_return late;
    }
    if (const auto* wrong = self->last_.if_contains("error"); wrong && wrong->is_object()) {
        Error said = error_from(wrong->get_object());
        co_return said;
    }
    if (status != 0 || self->last_.empty()) {
        Error silent{ErrorCode::internal, "labhub-image ended without an answer"};
        co_return silent;
    }
    co_return std::move(self->last_);
}

}  // namespace labhub::coordinator::images
