// labhub-twin: a node in miniature for a dry run, with a simulated vessel and a clock of its own. Started by the
// coordinator, which speaks with it over the socket that is its standard input; it ends when that closes.

#include <csignal>
#include <cstdio>
#include <cstring>

#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "agent/twin/conversation.hpp"
#include "shared/runtime/log.hpp"

namespace {

using namespace labhub;

int fail(const Error& error) {
    std::fprintf(stderr, "labhub-twin: %s\n", error.to_string().c_str());
    return 1;
}

Task<void> run(asio::io_context* io, std::shared_ptr<LocalStream> stream, std::string folder, Result<void>* outcome) {
    auto living = agent::twin::live(std::move(stream), std::move(folder));
    *outcome = co_await std::move(living);
    io->stop();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
        std::printf("%s\n", LABHUB_VERSION);
        return 0;
    }
    if (argc != 2) {
        std::fprintf(stderr, "usage: labhub-twin FOLDER, with a Unix socket as standard input\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    // Every command of the script would be a line.
    if (auto started = start_logging("twin", "error"); !started) return fail(started.error());
    asio::io_context io(1);
    auto stream = LocalStream::adopt(io.get_executor(), UniqueFd{::dup(STDIN_FILENO)});
    if (!stream) return fail(stream.error());
    Result<void> outcome;
    asio::co_spawn(io, run(&io, *stream, argv[1], &outcome), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    io.run();
    return outcome ? 0 : fail(outcome.error());
}
