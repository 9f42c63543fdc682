#include "coordinator/images/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <optional>

#include "shared/base/clock.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::images {
namespace {

constexpr std::size_t kMaxOutput = 4u << 20;
constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kKeptLines = 5;
constexpr int kNoProgram = 127;

struct Child {
    pid_t pid = -1;
    UniqueFd out, err;
};

Result<Child> start(const std::function<void()>& work, bool is_one_stream) {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd out_read{out[0]}, out_write{out[1]};
    if (::pipe2(err, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd err_read{err[0]}, err_write{err[1]};
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("start a process", errno);
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nothing = ::open("/dev/null", O_RDONLY);
        if (nothing >= 0) ::dup2(nothing, 0);
        ::dup2(out_write.get(), 1);
        ::dup2(is_one_stream ? out_write.get() : err_write.get(), 2);
        work();
        ::_exit(kNoProgram);
    }
    return Child{pid, std::move(out_read), std::move(err_read)};
}

/// Reads both streams until both have ended. False: the time ran out, and the child is killed.
bool drain(const Child& child, Steady::time_point until,
           const std::function<void(bool is_error, std::string_view)>& take) {
    std::array<bool, 2> open{true, static_cast<bool>(child.err)};
    std::array<char, 8192> chunk{};
    while (open[0] || open[1]) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
        if (left <= 0) {
            ::kill(child.pid, SIGKILL);
            return false;
        }
        std::array<pollfd, 2> files{pollfd{open[0] ? child.out.get() : -1, POLLIN, 0},
                                    pollfd{open[1] ? child.err.get() : -1, POLLIN, 0}};
        if (::poll(files.data(), files.size(), static_cast<int>(std::min<long>(left, 60'000))) < 0 && errno != EINTR)
            return false;
        for (const int i : {0, 1}) {
            if (!open[static_cast<std::size_t>(i)] || files[static_cast<std::size_t>(i)].revents == 0) continue;
            const ssize_t got = ::read(files[static_cast<std::size_t>(i)].fd, chunk.data(), chunk.size());
            if (got <= 0) open[static_cast<std::size_t>(i)] = false;
            if (got > 0) take(i == 1, {chunk.data(), static_cast<std::size_t>(got)});
        }
    }
    return true;
}

int reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool is_there(const std::string& program) {
    if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
    const char* const path = std::getenv("PATH");
    for (const auto& folder : split(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ':'))
        if (::access((std::string(folder) + "/" + program).c_str(), X_OK) == 0) return true;
    return false;
}

/// Cuts what is read into lines, and keeps the last ones.
class Lines {
  public:
    explicit Lines(const Said& said) : said_(said) {}
    void take(std::string_view bytes) {
        for (const char c : bytes) {
            if (c != '\n' && c != '\r' && rest_.size() < kMaxLine) {
                rest_.push_back(c);
                continue;
            }
            finish();
        }
    }
    void finish() {
        const std::string line = printable(trim(rest_), kMaxLine);
        rest_.clear();
        if (line.empty()) return;
        said_(line);
        last_.push_back(line);
        if (last_.size() > kKeptLines) last_.pop_front();
    }
    std::string last() const {
        std::string all;
        for (const auto& line : last_) all += (all.empty() ? "" : " | ") + line;
        return all;
    }

  private:
    const Said& said_;
    std::string rest_;
    std::deque<std::string> last_;
};

}  // namespace

Result<void> run_program(const std::vector<std::string>& argv, const std::string& package, const Said& said,
                         std::chrono::seconds limit) {
    if (!is_there(argv.front()))
        return Error{ErrorCode::unsupported, argv.front() + " is not installed on the hub",
                     "install the Debian package " + package};
    std::vector<std::string> words = argv;
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    LABHUB_TRY(Child child, start([&] { ::execvp(pointers[0], pointers.data()); }, true));
    child.err.reset();
    Lines lines{said};
    const bool ended = drain(child, Steady::now() + limit, [&](bool, std::string_view bytes) { lines.take(bytes); });
    lines.finish();
    const int status = reap(child.pid);
    if (!ended)
        return Error{ErrorCode::timed_out, argv.front() + " took more than " + format_duration(limit), lines.last()};
    if (status != 0)
        return Error{ErrorCode::internal, argv.front() + " ended with status " + std::to_string(status), lines.last()};
    return {};
}

Result<std::string> output_of_child(const std::function<void()>& work, std::chrono::seconds limit) {
    LABHUB_TRY(Child child, start(work, false));
    std::string out, err;
    const bool ended = drain(child, Steady::now() + limit, [&](bool is_error, std::string_view bytes) {
        std::string& into = is_error ? err : out;
        into.append(bytes.substr(0, kMaxOutput - std::min(kMaxOutput, into.size())));
    });
    const int status = reap(child.pid);
    if (!ended) return Error{ErrorCode::timed_out, "it gave no answer within " + format_duration(limit)};
    if (status != 0)
        return Error{ErrorCode::internal, "it ended with status " + std::to_string(status),
                     printable(trim(err).substr(0, 1000), 1000)};
    return out;
}

Result<void> seclude(bool has_network) {
    if (::unshare(CLONE_NEWNS | CLONE_NEWPID | (has_network ? 0 : CLONE_NEWNET)) != 0) {
        if (errno == EPERM)
            return Error{
                ErrorCode::forbidden, "making an image needs root (CAP_SYS_ADMIN)",
                "a coordinator without root's rights runs experiments in the image 'host' alone; one that runs "
                "as root (jobs.launcher = \"spawn\") makes images"};
        return system_error("make namespaces", errno);
    }
    const pid_t child = ::fork();
    if (child < 0) return system_error("start a process", errno);
    if (child > 0) ::_exit(reap(child));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error("make mounts private", errno);
    // Programs that look themselves up there must find their own numbers.
    if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
        return system_error("mount /proc", errno);
    return {};
}

}  // namespace labhub::coordinator::images
