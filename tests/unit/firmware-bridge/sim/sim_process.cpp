#include "tests/unit/firmware-bridge/sim/sim_process.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace labhub::firmware_bridge {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// One line from the pipe, at most ten seconds.
std::string read_line(int fd) {
    std::string line;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < deadline) {
        pollfd ready{fd, POLLIN, 0};
        char character = 0;
        if (::poll(&ready, 1, 100) == 0) continue;
        if (::read(fd, &character, 1) != 1 || character == '\n') break;
        line += character;
    }
    return line;
}

}  // namespace

SimProcess::SimProcess() {
    std::string pattern = fs::temp_directory_path() / "labhub-sim-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
}

SimProcess::~SimProcess() {
    end(SIGKILL);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

fs::path SimProcess::program() {
    const char* bin = std::getenv("LABHUB_BIN");
    const fs::path folder =
        bin ? fs::path(bin) : fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
    return folder / "labhub-vessel-sim";
}

bool SimProcess::start(std::vector<std::string> arguments) {
    std::vector<std::string> all{program(),     "--link", link(), "--events", folder_ / "events.jsonl",
                                 "--log-level", "off"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) return false;
    pid_ = ::fork();
    if (pid_ == 0) {
        ::dup2(out[1], STDOUT_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    ::close(out[1]);
    const bool is_ready = read_line(out[0]) == "ready " + link();
    ::close(out[0]);
    return is_ready;
}

int SimProcess::end(int signal) {
    if (pid_ <= 0) return 0;
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
}

std::vector<boost::json::object> SimProcess::events() const {
    std::vector<boost::json::object> events;
    std::ifstream file(folder_ / "events.jsonl");
    for (std::string line; std::getline(file, line);) events.push_back(boost::json::parse(line).as_object());
    return events;
}

boost::json::object SimProcess::await_event(const std::function<bool(const boost::json::object&)>& wanted,
                                            std::chrono::milliseconds limit) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    do {
        for (const auto& event : events())
            if (wanted(event)) return event;
        std::this_thread::sleep_for(5ms);
    } while (std::chrono::steady_clock::now() < deadline);
    return {};
}

std::function<bool(const boost::json::object&)> output_is(std::string metric, double value) {
    return [metric = std::move(metric), value](const boost::json::object& event) {
        if (event.at("event").as_string() != "output" || event.at("metric").as_string() != metric) return false;
        const auto& shown = event.at("value");
        return shown.is_number() && shown.to_number<double>() == value;
    };
}

std::function<bool(const boost::json::object&)> is_event(std::string kind) {
    return [kind = std::move(kind)](const boost::json::object& event) { return event.at("event").as_string() == kind; };
}

}  // namespace labhub::firmware_bridge
