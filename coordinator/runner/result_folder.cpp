#include "coordinator/runner/result_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include <spdlog/spdlog.h>

#include "coordinator/runner/disk_image.hpp"
#include "coordinator/runner/log_tail.hpp"
#include "coordinator/runner/outputs.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLogs[] = {"stdout.txt", "stderr.txt"};

/// The script's log gets what a person who looks there should know.
void tell_in_log(const fs::path& job_dir, const std::vector<std::string>& notes) {
    const UniqueFd log{
        ::open((job_dir / "stderr.txt").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)};
    for (const auto& note : notes) {
        const std::string line = "[labhub] " + note + "\n";
        if (log) (void)!::write(log.get(), line.data(), line.size());
    }
}

void give_to(const fs::path& path, const struct stat& owner) {
    if (::geteuid() == 0) (void)!::lchown(path.c_str(), owner.st_uid, owner.st_gid);
}

}  // namespace

OutputBounds output_bounds(const JobFolders& folders, const Limits& limits, std::uint64_t most_bytes) {
    const ActingAs acting{folders.owner};
    struct stat owner {};
    ::stat(folders.job.c_str(), &owner);
    OutputBounds bounds;
    // What fitted into the image, the file system's rounding included, must fit here.
    bounds.bytes = std::min(most_bytes, image_bytes(limits.output_bytes, limits.output_files));
    bounds.files = limits.output_files;
    bounds.owner = owner.st_uid;
    bounds.group = owner.st_gid;
    return bounds;
}

Result<void> complete_result(const JobFolders& folders, const Limits& limits, const fs::path& output,
                             RunnerState& state) {
    const fs::path& job_dir = folders.job;
    const ActingAs acting{folders.owner};
    struct stat owner {};
    if (::stat(job_dir.c_str(), &owner) != 0) return system_error("look at " + job_dir.string(), errno);
    if (!output.empty()) {
        const auto all = std::numeric_limits<std::uint64_t>::max();
        auto brought = bring_out(output, job_dir / "output", output_bounds(folders, limits, all));
        if (brought)
            state.notes = std::move(brought->notes);
        else
            state.notes.push_back("outputs are missing: " + brought.error().to_string());
    } else {
        LABHUB_CHECK(make_folder(job_dir / "output"));
        give_to(job_dir / "output", owner);
    }
    // Of a runner that died before it could.
    for (const char* log : kLogs)
        if (auto joined = join_log_tail(job_dir / log); !joined) spdlog::warn("{}", joined.error().to_string());
    tell_in_log(job_dir, state.notes);
    for (const char* log : kLogs) {
        const UniqueFd present{::open((job_dir / log).c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644)};
        if (present) ::fdatasync(present.get());
        give_to(job_dir / log, owner);
    }
    LABHUB_CHECK(write_file(job_dir / "exitcode.txt", std::to_string(state.ended->exit_code) + "\n"));
    give_to(job_dir / "exitcode.txt", owner);
    state.phase = Phase::ended;
    LABHUB_CHECK(record_state(folders, state));
    give_to(job_dir / "runner.json", owner);
    return {};
}

}  // namespace labhub::coordinator::runner
