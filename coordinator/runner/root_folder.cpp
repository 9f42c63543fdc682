#include "coordinator/runner/root_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr const char* kFolders[] = {
    "app",  "app/output", "dev",        "dev/shm", "etc", "opt", "opt/labhub", "opt/labhub/python",
    "proc", "run",        "run/labhub", "tmp",     "usr", "var"};
/// Whole files of the host's /etc, copied: the loader's cache, and what matplotlib and Python read at import.
constexpr const char* kEtcFiles[] = {"ld.so.cache", "matplotlibrc", "mime.types"};
/// alternatives: Debian's libblas.so.3 and liblapack.so.3 are links through it.
constexpr const char* kEtcFolders[] = {"/etc/alternatives", "/etc/python3",    "/etc/python3.9",  "/etc/python3.10",
                                       "/etc/python3.11",   "/etc/python3.12", "/etc/python3.13", "/etc/fonts"};
constexpr std::size_t kMaxEtcFile = 4u << 20;

/// Not write_file of shared/base: nothing here has to survive a power cut, and an fsync each would cost the start.
Result<void> put(const std::filesystem::path& path, std::string_view bytes) {
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!file) return system_error("create " + path.string(), errno);
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return system_error("write " + path.string(), errno);
    return {};
}

Result<void> link_into_usr(const std::filesystem::path& root) {
    for (const std::string name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
        if (::access(("/usr/" + name).c_str(), F_OK) != 0) continue;
        if (::symlink(("usr/" + name).c_str(), (root / name).c_str()) != 0 && errno != EEXIST)
            return system_error("link /" + name, errno);
    }
    return {};
}

Result<void> fill_etc(const std::filesystem::path& etc, std::uint32_t uid) {
    const std::string id = std::to_string(uid);
    LABHUB_CHECK(put(etc / "passwd",
                     "root:x:0:0:root:/tmp:/usr/sbin/nologin\nlabhub:x:" + id + ":" + id + ":labhub:/tmp:/bin/sh\n"));
    LABHUB_CHECK(put(etc / "group", "root:x:0:\nlabhub:x:" + id + ":\n"));
    LABHUB_CHECK(put(etc / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"));
    LABHUB_CHECK(put(etc / "hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 labhub\n"));
    LABHUB_CHECK(put(etc / "resolv.conf", ""));
    for (const std::string name : kEtcFiles)
        if (const auto bytes = read_file("/etc/" + name, kMaxEtcFile)) LABHUB_CHECK(put(etc / name, *bytes));
    std::error_code none;
    const auto zone = std::filesystem::read_symlink("/etc/localtime", none);
    if (!none && ::symlink(zone.c_str(), (etc / "localtime").c_str()) != 0 && errno != EEXIST)
        return system_error("link /etc/localtime", errno);
    for (const auto& folder : bound_etc_folders())
        if (::mkdir((etc / std::filesystem::path(folder).filename()).c_str(), 0755) != 0 && errno != EEXIST)
            return system_error("create " + folder, errno);
    return {};
}

}  // namespace

std::vector<std::string> bound_etc_folders() {
    std::vector<std::string> found;
    for (const char* folder : kEtcFolders)
        if (::access(folder, F_OK) == 0) found.emplace_back(folder);
    return found;
}

std::string host_files_mark() {
    std::string mark;
    const auto add = [&](const std::string& path) {
        struct stat facts {};
        if (::lstat(path.c_str(), &facts) != 0) return;
        mark += path + " " + std::to_string(facts.st_ino) + " " + std::to_string(facts.st_mtim.tv_sec) + "." +
                std::to_string(facts.st_mtim.tv_nsec) + "\n";
    };
    for (const std::string name : kEtcFiles) add("/etc/" + name);
    add("/etc/localtime");
    // Folders that are bound show what happens in them; only one that was replaced would not.
    struct stat facts {};
    for (const auto& folder : bound_etc_folders())
        if (::stat(folder.c_str(), &facts) == 0) mark += folder + " " + std::to_string(facts.st_ino) + "\n";
    return mark;
}

Result<void> make_root_folder(const std::filesystem::path& root, std::uint32_t uid) {
    if (::mkdir(root.c_str(), 0755) != 0 && errno != EEXIST) return system_error("create " + root.string(), errno);
    for (const char* folder : kFolders)
        if (::mkdir((root / folder).c_str(), 0755) != 0 && errno != EEXIST)
            return system_error("create " + (root / folder).string(), errno);
    LABHUB_CHECK(put(root / "app/user_script.py", ""));
    LABHUB_CHECK(put(root / "run/labhub/init", ""));
    LABHUB_CHECK(link_into_usr(root));
    return fill_etc(root / "etc", uid);
}

}  // namespace labhub::coordinator::runner
