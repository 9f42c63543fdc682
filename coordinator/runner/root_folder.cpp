#include "coordinator/runner/root_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shared/base/files.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr const char* kFolders[] = {"app",        "app/input",         "app/output", "dev", "dev/shm",    "etc", "opt",
                                    "opt/labhub", "opt/labhub/python", "proc",       "run", "run/labhub", "tmp", "usr",
                                    "var"};
/// Where programs and libraries are: links into /usr, or in older images folders of their own.
constexpr const char* kProgramFolders[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
/// Whole files of /etc, copied: the loader's cache, and what matplotlib and Python read at import.
constexpr const char* kEtcFiles[] = {"ld.so.cache", "matplotlibrc", "mime.types"};
/// alternatives: Debian's libblas.so.3 and liblapack.so.3 are links through it.
constexpr const char* kEtcFolders[] = {"alternatives", "python3",    "python3.9",  "python3.10",
                                       "python3.11",   "python3.12", "python3.13", "fonts"};
constexpr std::size_t kMaxEtcFile = 4u << 20;

std::filesystem::path root_of(const std::filesystem::path& image) { return image.empty() ? "/" : image; }

bool is_folder(const std::filesystem::path& path) {
    struct stat facts {};
    return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

/// Not write_file of shared/base: nothing here has to survive a power cut, and an fsync each would cost the start.
Result<void> put(const std::filesystem::path& path, std::string_view bytes) {
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!file) return system_error("create " + path.string(), errno);
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return system_error("write " + path.string(), errno);
    return {};
}

/// Whether the file can be read on the image's behalf: a link in an image would lead to a file of the host.
bool is_own_file(const std::filesystem::path& image, const std::filesystem::path& name) {
    if (image.empty()) return true;
    struct stat facts {};
    return is_folder(image / name.parent_path()) && ::lstat((image / name).c_str(), &facts) == 0 &&
           S_ISREG(facts.st_mode);
}

Result<void> copy_link(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code none;
    const auto target = std::filesystem::read_symlink(from, none);
    if (!none && ::symlink(target.c_str(), to.c_str()) != 0 && errno != EEXIST)
        return system_error("link " + to.string(), errno);
    return {};
}

/// /bin and the like as links into /usr: the host's may be folders, whose files are in /usr all the same.
Result<void> link_into_usr(const std::filesystem::path& root) {
    for (const std::string name : kProgramFolders) {
        if (::access(("/usr/" + name).c_str(), F_OK) != 0) continue;
        if (::symlink(("usr/" + name).c_str(), (root / name).c_str()) != 0 && errno != EEXIST)
            return system_error("link /" + name, errno);
    }
    return {};
}

Result<void> fill_etc(const std::filesystem::path& etc, std::uint32_t uid, const std::filesystem::path& image) {
    const std::string id = std::to_string(uid);
    LABHUB_CHECK(put(etc / "passwd",
                     "root:x:0:0:root:/tmp:/usr/sbin/nologin\nlabhub:x:" + id + ":" + id + ":labhub:/tmp:/bin/sh\n"));
    LABHUB_CHECK(put(etc / "group", "root:x:0:\nlabhub:x:" + id + ":\n"));
    LABHUB_CHECK(put(etc / "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"));
    LABHUB_CHECK(put(etc / "hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 labhub\n"));
    LABHUB_CHECK(put(etc / "resolv.conf", ""));
    for (const std::string name : kEtcFiles)
        if (is_own_file(image, "etc/" + name))
            if (const auto bytes = read_file(root_of(image) / "etc" / name, kMaxEtcFile))
                LABHUB_CHECK(put(etc / name, *bytes));
    // The lab's time, whatever image the script runs in.
    return copy_link("/etc/localtime", etc / "localtime");
}

}  // namespace

std::vector<BoundFolder> bound_folders(const std::filesystem::path& image) {
    const std::filesystem::path root = root_of(image);
    std::vector<BoundFolder> found;
    if (image.empty() || is_folder(root / "usr")) found.push_back({"/usr", root / "usr"});
    if (image.empty() || is_folder(root / "etc"))
        for (const std::string name : kEtcFolders)
            if (is_folder(root / "etc" / name)) found.push_back({"/etc/" + name, root / "etc" / name});
    if (image.empty()) return found;
    for (const std::string name : kProgramFolders)
        if (is_folder(root / name)) found.push_back({"/" + name, root / name});
    std::error_code none;
    if (!is_folder(root / "opt")) return found;
    for (const auto& entry : std::filesystem::directory_iterator(root / "opt", none)) {
        const std::string name = entry.path().filename();
        if (name != "labhub" && is_folder(entry.path())) found.push_back({"/opt/" + name, entry.path()});
    }
    return found;
}

std::string image_files_mark(const std::filesystem::path& image) {
    std::string mark;
    const auto add = [&](const std::string& path) {
        struct stat facts {};
        if (::lstat(path.c_str(), &facts) != 0) return;
        mark += path + " " + std::to_string(facts.st_ino) + " " + std::to_string(facts.st_mtim.tv_sec) + "." +
                std::to_string(facts.st_mtim.tv_nsec) + "\n";
    };
    for (const std::string name : kEtcFiles) add((root_of(image) / "etc" / name).string());
    add("/etc/localtime");
    // Folders that are bound show what happens in them; only one that was replaced would not.
    struct stat facts {};
    for (const auto& folder : bound_folders(image))
        if (::stat(folder.source.c_str(), &facts) == 0)
            mark += folder.source.string() + " " + std::to_string(facts.st_ino) + "\n";
    return mark;
}

Result<void> make_root_folder(const std::filesystem::path& root, std::uint32_t uid,
                              const std::filesystem::path& image) {
    if (::mkdir(root.c_str(), 0755) != 0 && errno != EEXIST) return system_error("create " + root.string(), errno);
    for (const char* folder : kFolders)
        if (::mkdir((root / folder).c_str(), 0755) != 0 && errno != EEXIST)
            return system_error("create " + (root / folder).string(), errno);
    for (const auto& folder : bound_folders(image))
        if (::mkdir((root.string() + folder.at).c_str(), 0755) != 0 && errno != EEXIST)
            return system_error("create " + folder.at, errno);
    // runc gives a tmpfs the mode of the folder it is mounted on.
    if (::chmod((root / "tmp").c_str(), 01777) != 0) return system_error("open /tmp to all", errno);
    LABHUB_CHECK(put(root / "app/user_script.py", ""));
    LABHUB_CHECK(put(root / "run/labhub/init", ""));
    if (image.empty()) {
        LABHUB_CHECK(link_into_usr(root));
    } else {
        for (const char* name : kProgramFolders) LABHUB_CHECK(copy_link(image / name, root / name));
    }
    return fill_etc(root / "etc", uid, image);
}

}  // namespace labhub::coordinator::runner
