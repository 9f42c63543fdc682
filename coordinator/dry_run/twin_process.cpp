#include "coordinator/dry_run/twin_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "shared/base/framing.hpp"

extern char** environ;

namespace labhub::coordinator::dry_run {
namespace {

/// In a session of its own, so that a terminal's Ctrl-C is not for it; what it has to complain of goes to its folder.
Result<pid_t> spawn(const std::filesystem::path& program, std::string folder, int socket) {
    std::string name = "labhub-twin";
    char* const argv[] = {name.data(), folder.data(), nullptr};
    const std::string log = folder + "/twin.log";
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
    ::posix_spawn_file_actions_adddup2(&actions, socket, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    pid_t pid = 0;
    const int failure = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failure != 0) return system_error("start " + program.string(), failure);
    return pid;
}

}  // namespace

Result<std::unique_ptr<TwinProcess>> TwinProcess::start(asio::any_io_executor executor,
                                                        const std::filesystem::path& program,
                                                        const std::filesystem::path& folder,
                                                        const rpc::TwinSetup& setup) {
    const std::string message = setup.SerializeAsString();
    if (message.size() > kMaxFrameBytes)
        return Error{ErrorCode::too_large, "the device has more metrics than a twin can be told of"};
    LABHUB_TRY(auto ends, LocalStream::pair(std::move(executor)));
    LABHUB_TRY(const pid_t pid, spawn(program, folder.string(), ends.second.get()));
    std::unique_ptr<TwinProcess> twin(new TwinProcess(pid, std::move(ends.first)));
    LABHUB_CHECK(twin->stream_->try_write(encode_frame(message)));
    return twin;
}

TwinProcess::~TwinProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

}  // namespace labhub::coordinator::dry_run
