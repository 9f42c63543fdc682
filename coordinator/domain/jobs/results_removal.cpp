// The end of a result's files.
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdio>

#include "coordinator/domain/jobs/results.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

Result<void> delete_tree(const fs::path& path) {
    std::error_code failure;
    fs::remove_all(path, failure);
    if (failure) return system_error("delete " + path.string(), failure.value());
    return {};
}

}  // namespace

Result<void> Results::remove(const JobId& job) const {
    LABHUB_CHECK(make_folder(removed_folder(), 0700));
    const fs::path taken = removed_folder() / new_id();
    if (::rename(folder_of(job).c_str(), taken.c_str()) != 0) {
        if (errno == ENOENT) return {};
        return system_error("take away " + folder_of(job).string(), errno);
    }
    return delete_tree(taken);
}

Result<void> Results::finish_removals() const {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(removed_folder(), failure)) LABHUB_CHECK(delete_tree(entry.path()));
    return {};
}

Result<std::int64_t> Results::free_bytes() const {
    struct statvfs facts {};
    if (::statvfs(folder_.c_str(), &facts) != 0) return system_error("ask how full " + folder_.string() + " is", errno);
    return static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
}

}  // namespace labhub::coordinator::jobs
