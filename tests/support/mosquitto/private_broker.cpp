#include "tests/support/mosquitto/private_broker.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace labhub::test {
namespace {

constexpr auto kStartLimit = std::chrono::seconds{10};
constexpr int kPortAttempts = 10;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// A port the kernel just called free. Another process may take it before mosquitto does: start() then tries anew.
std::uint16_t free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(probe);
    return ntohs(address.sin_port);
}

bool answers(std::uint16_t port) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    return connected;
}

bool has_ended(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; }

pid_t spawn_mosquitto(const std::filesystem::path& configuration, const std::filesystem::path& log) {
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    std::string program = "mosquitto", option = "-c", path = configuration.string();
    char* arguments[] = {program.data(), option.data(), path.data(), nullptr};
    // Debian keeps mosquitto in /usr/sbin, which is not on every user's PATH.
    const char* where = std::filesystem::exists("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto";
    pid_t pid = -1;
    const int failure = ::posix_spawnp(&pid, where, &files, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (failure != 0) throw std::runtime_error("can't start mosquitto: is the package installed?");
    return pid;
}

}  // namespace

PrivateBroker::PrivateBroker(std::string more_configuration) : more_configuration_(std::move(more_configuration)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "labhub-broker-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("can't make a temporary folder");
    folder_ = pattern;
    for (int attempt = 0; attempt < kPortAttempts && pid_ < 0; ++attempt) {
        port_ = free_port();
        start();
    }
    if (pid_ < 0) throw std::runtime_error("mosquitto does not start: " + log());
}

PrivateBroker::~PrivateBroker() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void PrivateBroker::start() {
    const auto configuration = folder_ / "mosquitto.conf";
    {
        std::ofstream file(configuration);
        file << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stdout\n"
             << "user " << (::geteuid() == 0 ? "root" : "mosquitto") << '\n'
             << more_configuration_;
    }
    const pid_t child = spawn_mosquitto(configuration, folder_ / "log");
    const auto limit = std::chrono::steady_clock::now() + kStartLimit;
    while (std::chrono::steady_clock::now() < limit) {
        if (has_ended(child)) return;
        if (answers(port_)) {
            pid_ = child;
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

void PrivateBroker::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

void PrivateBroker::freeze() { ::kill(pid_, SIGSTOP); }
void PrivateBroker::thaw() { ::kill(pid_, SIGCONT); }

void PrivateBroker::restart() {
    kill();
    start();
    if (pid_ < 0) throw std::runtime_error("mosquitto does not start again: " + log());
}

std::string PrivateBroker::log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace labhub::test
