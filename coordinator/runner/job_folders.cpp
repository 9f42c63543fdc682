#include "coordinator/runner/job_folders.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

Error at_work(const fs::path& folder) {
    return Error{ErrorCode::conflict, "another runner is at work on " + folder.string()};
}

Result<UniqueFd> lock_job_dir(const JobFolders& folders) {
    const ActingAs owner{folders.owner};
    const fs::path path = folders.job / "runner.lock";
    UniqueFd lock{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!lock) return system_error("open " + path.string(), errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return at_work(folders.job);
    return lock;
}

/// The folder is its own lock. It may have been removed between its opening and its locking.
Result<UniqueFd> lock_sandbox(const fs::path& folder) {
    LABHUB_CHECK(make_folder(folder, 0700));
    UniqueFd lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!lock) return system_error("open " + folder.string(), errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return at_work(folder);
    struct stat locked {
    }, there{};
    if (::fstat(lock.get(), &locked) != 0 || ::stat(folder.c_str(), &there) != 0 || locked.st_ino != there.st_ino)
        return at_work(folder);
    return lock;
}

}  // namespace

JobFolders folders_of(const fs::path& job_dir) { return {job_dir, sandbox_folder(job_dir), ourselves(), false, {}}; }

Result<JobLock> lock_job(const JobFolders& folders) {
    JobLock lock;
    if (folders.is_apart) {
        LABHUB_TRY(lock.sandbox, lock_sandbox(folders.sandbox));
    }
    LABHUB_TRY(lock.job, lock_job_dir(folders));
    return lock;
}

Result<JobLock> claim_job(const JobFolders& folders) {
    LABHUB_TRY(JobLock lock, lock_job(folders));
    if (const auto before = known_state(folders); before && before->phase != Phase::preparing)
        return Error{ErrorCode::conflict, "this job was run before", "`labhub-runner collect` brings in what it left"};
    return lock;
}

Result<std::string> read_script(const JobFolders& folders, std::size_t limit) {
    const ActingAs owner{folders.owner};
    const fs::path path = folders.job / "script.py";
    // What a link leads to may be something of this process (/proc/self), whoever it acts as; a fifo would hold it up.
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat facts {};
    if (!file && errno != ELOOP) return system_error("open " + path.string(), errno);
    if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return Error{ErrorCode::malformed, path.string() + " is no file"};
    return read_file("/proc/self/fd/" + std::to_string(file.get()), limit);
}

Result<UniqueFd> open_input(const JobFolders& folders) {
    const ActingAs owner{folders.owner};
    const fs::path path = input_folder(folders.job);
    UniqueFd folder{::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!folder && errno != ENOENT) return system_error("open " + path.string(), errno);
    return folder;
}

Result<RunnerState> known_state(const JobFolders& folders) {
    if (folders.is_apart) {
        auto own = read_runner_state(folders.sandbox);
        if (own || own.error().code != ErrorCode::not_found) return own;
    }
    const ActingAs owner{folders.owner};
    auto told = read_runner_state(folders.job);
    if (!told || !folders.is_apart) return told;
    // Its owner may have written it: nothing of it is to be started, killed or deleted.
    told->runtime_program.clear();
    told->cgroup.clear();
    told->hide_unified = false;
    return told;
}

Result<void> record_state(const JobFolders& folders, const RunnerState& state) {
    if (folders.is_apart) {
        const ActingAs us{ourselves()};
        LABHUB_CHECK(write_runner_state(folders.sandbox, state));
    }
    const ActingAs owner{folders.owner};
    return write_runner_state(folders.job, state);
}

}  // namespace labhub::coordinator::runner
