// The peers of `scripts/bench command`, as one line in, one line out:
//   labhub_bench_ssh_exec ssh PORT USER KEY FINGERPRINT   each line is executed over one SSH session that stays open
//   labhub_bench_ssh_exec board TTY                       each line is a number, set as `stirrer` on the board itself
// Answers "ready", then to each line how many nanoseconds it took, or "error: …", which ends the program with 1.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "shared/runtime/log.hpp"
#include "shared/ssh/client.hpp"

namespace {

using namespace labhub;

constexpr std::size_t kLongestLine = 4096;
constexpr int kExitUsage = 2;

/// Lines of standard input; an empty one at its end.
class Lines {
  public:
    explicit Lines(const asio::any_io_executor& executor) : input_(executor, ::dup(STDIN_FILENO)) {}

    Task<std::string> next() {
        auto buffer = asio::dynamic_buffer(text_, kLongestLine);
        auto [failure, length] = co_await asio::async_read_until(input_, buffer, '\n', as_result);
        if (failure || length == 0) co_return std::string();
        std::string line = text_.substr(0, length - 1);
        text_.erase(0, length);
        co_return line;
    }

  private:
    asio::posix::stream_descriptor input_;
    std::string text_;
};

class SshPeer {
  public:
    explicit SshPeer(ssh::ClientOptions options) : options_(std::move(options)) {}

    Task<Result<void>> open() {
        auto connected = co_await ssh::Session::connect(options_);
        if (!connected) co_return connected.error();
        session_ = std::move(*connected);
        co_return Result<void>();
    }

    Task<Result<void>> once(std::string command) {
        auto done = co_await session_->exec(std::move(command));
        if (!done) co_return done.error();
        if (done->exit_status == 0) co_return Result<void>();
        Error refused{ErrorCode::conflict, "exit status " + std::to_string(done->exit_status), done->err};
        co_return refused;
    }

    Task<void> close() { return session_->close(); }

  private:
    ssh::ClientOptions options_;
    std::unique_ptr<ssh::Session> session_;
};

class BoardPeer {
  public:
    BoardPeer(const asio::any_io_executor& executor, firmware_bridge::BoardOptions options)
        : driver_(firmware_bridge::BoardDriver::make(executor, std::move(options))) {}

    Task<Result<void>> open() { return driver_->open(); }

    Task<Result<void>> once(std::string number) {
        std::vector<Setpoint> setpoints;
        setpoints.push_back(Setpoint{"stirrer", std::atof(number.c_str())});
        auto written = co_await driver_->write(std::move(setpoints));
        if (!written) co_return written.error();
        co_return Result<void>();
    }

    Task<void> close() { return driver_->close(); }

  private:
    std::unique_ptr<firmware_bridge::BoardDriver> driver_;
};

void say(const std::string& line) {
    std::puts(line.c_str());
    std::fflush(stdout);
}

template <class Peer>
Task<int> serve(Peer* peer, Lines* lines) {
    auto opened = co_await peer->open();
    if (!opened) {
        say("error: " + opened.error().to_string());
        co_return 1;
    }
    say("ready");
    int status = 0;
    while (status == 0) {
        auto line = co_await lines->next();
        if (line.empty()) break;
        const auto begun = Steady::now();
        auto done = co_await peer->once(std::move(line));
        const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - begun);
        if (!done) status = 1;
        say(done ? std::to_string(took.count()) : "error: " + done.error().to_string());
    }
    co_await peer->close();
    co_return status;
}

template <class Peer>
int run(asio::io_context& io, Peer peer) {
    Lines lines(io.get_executor());
    int status = 1;
    asio::co_spawn(io, serve(&peer, &lines), [&](std::exception_ptr failure, int ended) {
        if (failure) std::rethrow_exception(failure);
        status = ended;
        io.stop();
    });
    io.run();
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!start_logging("bench-peer", "warn")) return 1;
    asio::io_context io(1);
    if (arguments.size() == 5 && arguments[0] == "ssh") {
        ssh::ClientOptions options;
        options.host = "127.0.0.1";
        options.port = static_cast<std::uint16_t>(std::atoi(arguments[1].c_str()));
        options.user = arguments[2];
        options.private_key_path = arguments[3];
        options.pinned_host_fingerprint = arguments[4];
        return run(io, SshPeer(std::move(options)));
    }
    if (arguments.size() == 2 && arguments[0] == "board") {
        firmware_bridge::BoardOptions options;
        options.port = arguments[1];
        return run(io, BoardPeer(io.get_executor(), std::move(options)));
    }
    std::fputs("usage: labhub_bench_ssh_exec ssh PORT USER KEY FINGERPRINT | board TTY\n", stderr);
    return kExitUsage;
}
