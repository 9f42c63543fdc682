#include "tests/integration/agent/process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <utility>

extern char** environ;

namespace labhub::test {

Process::Process(std::vector<std::string> arguments, std::filesystem::path out, std::filesystem::path err) {
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const int failure = ::posix_spawnp(&pid_, pointers[0], &files, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (failure != 0) throw std::runtime_error("can't start " + arguments[0]);
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
    }
    return *this;
}

Process::~Process() { kill(); }

void Process::signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
}

void Process::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

int Process::wait(std::chrono::milliseconds limit) {
    int status = 0;
    if (pid_ <= 0 || !eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, limit)) return -1;
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Output run_program(std::vector<std::string> arguments, const std::filesystem::path& folder) {
    static std::atomic<int> runs{0};
    const auto stem = folder / ("run-" + std::to_string(++runs));
    Process process(std::move(arguments), stem.string() + ".out", stem.string() + ".err");
    Output output;
    output.status = process.wait();
    output.out = text_of(stem.string() + ".out");
    output.err = text_of(stem.string() + ".err");
    return output;
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void pause_between_tries() { std::this_thread::sleep_for(std::chrono::milliseconds{10}); }

}  // namespace labhub::test
