#include "coordinator/images/tidy.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kKeptFolders{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "etc"};
/// What a sandbox takes of /etc (coordinator/runner/root_folder.cpp), and what a root taken out of the hub needs to be
/// one.
const std::set<std::string> kKeptEtc{"alternatives", "fonts",      "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
                                     "matplotlibrc", "mime.types", "os-release",  "python3",    "python3.9",
                                     "python3.10",   "python3.11", "python3.12",  "python3.13", "ssl"};

Result<void> require_folder(const fs::path& path) {
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0) return make_folder(path);
    if (S_ISDIR(facts.st_mode)) return {};
    return Error{ErrorCode::unsupported, "the image's /" + path.filename().string() + " is no folder"};
}

Result<void> remove_others(const fs::path& folder, const std::set<std::string>& kept) {
    std::error_code failure;
    std::vector<fs::path> going;
    for (const auto& entry : fs::directory_iterator(folder, failure))
        if (!kept.contains(entry.path().filename())) going.push_back(entry.path());
    for (const auto& path : going) {
        fs::remove_all(path, failure);
        if (failure) return system_error("remove " + path.string(), failure.value());
    }
    return {};
}

/// As everything of an image: readable by all, writable by none, without a privilege.
Result<void> make_plain(const fs::path& path, const struct stat& facts) {
    if (::lchown(path.c_str(), ::geteuid(), ::getegid()) != 0) return system_error("own " + path.string(), errno);
    if (S_ISLNK(facts.st_mode)) return {};
    ::lremovexattr(path.c_str(), "security.capability");
    const mode_t mode = S_ISDIR(facts.st_mode) ? 0755 : (facts.st_mode & 0111) != 0 ? 0555 : 0444;
    if (::chmod(path.c_str(), mode) != 0) return system_error("set the mode of " + path.string(), errno);
    return {};
}

Result<void> make_all_plain(const fs::path& root) {
    std::error_code failure;
    std::vector<fs::path> others;
    for (fs::recursive_directory_iterator next(root, failure), end; next != end && !failure; next.increment(failure)) {
        struct stat facts {};
        if (::lstat(next->path().c_str(), &facts) != 0) return system_error("look at " + next->path().string(), errno);
        if (S_ISDIR(facts.st_mode) || S_ISREG(facts.st_mode) || S_ISLNK(facts.st_mode)) {
            LABHUB_CHECK(make_plain(next->path(), facts));
        } else {
            others.push_back(next->path());
        }
    }
    if (failure) return system_error("look into " + root.string(), failure.value());
    for (const auto& path : others)
        if (::unlink(path.c_str()) != 0) return system_error("remove " + path.string(), errno);
    return {};
}

}  // namespace

Result<void> tidy(const fs::path& root, const std::vector<std::string>& leave_out) {
    // A link here would have us clear what it leads to.
    for (const std::string name : {"usr", "etc", "opt"}) LABHUB_CHECK(require_folder(root / name));
    LABHUB_CHECK(remove_others(root, kKeptFolders));
    LABHUB_CHECK(remove_others(root / "etc", kKeptEtc));
    std::error_code failure;
    for (const auto& path : leave_out) {
        // A link on the way could lead out of the tree.
        const fs::path folder = fs::weakly_canonical((root / path).parent_path(), failure);
        const fs::path top = fs::canonical(root, failure);
        if (failure || !(folder / "").string().starts_with((top / "").string())) continue;
        fs::remove_all(root / path, failure);
        if (failure) return system_error("remove " + (root / path).string(), failure.value());
    }
    ::chmod(root.c_str(), 0755);
    return make_all_plain(root);
}

std::vector<std::string> installed_packages(const fs::path& root) {
    std::vector<std::string> all;
    const auto status = read_file(root / "var/lib/dpkg/status");
    if (!status) return all;
    std::string name;
    for (const auto& line : split(*status, '\n')) {
        if (line.starts_with("Package: ")) name = line.substr(9);
        if (line.starts_with("Version: ")) all.push_back(name + " " + std::string(line.substr(9)));
    }
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace labhub::coordinator::images
