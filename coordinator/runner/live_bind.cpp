#include "coordinator/runner/live_bind.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {
namespace {

/// Not in the C library of Debian 12.
int open_tree_of(const char* path) {
    return static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

int make_read_only(int tree) {
    mount_attr wanted{};
    wanted.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return static_cast<int>(::syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &wanted, sizeof wanted));
}

/// In a child: joining a mount namespace is for a whole process. Returns errno.
[[noreturn]] void attach(int name_space, int tree, const char* at) {
    if (::setns(name_space, CLONE_NEWNS) != 0) ::_exit(errno);
    const long moved = ::syscall(SYS_move_mount, tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH);
    ::_exit(moved == 0 ? 0 : errno);
}

}  // namespace

Result<void> bind_into(pid_t process, const std::filesystem::path& source, const std::string& at) {
    const std::string doing = "show " + source.string() + " in a sandbox that runs";
    const UniqueFd tree{open_tree_of(source.c_str())};
    if (!tree) return system_error(doing, errno);
    if (make_read_only(tree.get()) != 0) return system_error(doing, errno);
    const std::string path = "/proc/" + std::to_string(process) + "/ns/mnt";
    const UniqueFd name_space{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!name_space) return system_error(doing, errno);
    const pid_t child = ::fork();
    if (child < 0) return system_error(doing, errno);
    if (child == 0) attach(name_space.get(), tree.get(), at.c_str());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return system_error(doing, WIFEXITED(status) ? WEXITSTATUS(status) : EIO);
}

}  // namespace labhub::coordinator::runner
