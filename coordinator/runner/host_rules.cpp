#include "coordinator/runner/host_rules.hpp"

#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
/// Beside the sandboxes' folders, none of which begins with a dot.
constexpr const char* kHostFolder = ".host";

fs::path installed_python() {
    std::error_code failure;
    return fs::read_symlink("/proc/self/exe", failure).parent_path().parent_path() / "share/labhub/python";
}

Result<Identity> identity_of(const std::string& name) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found)
        return Error{ErrorCode::not_found, "there is no user '" + name + "' on this host",
                     std::string("jobs.user in ") + kHostRulesFile};
    if (entry.pw_uid == 0)
        return Error{ErrorCode::forbidden, "jobs of root are not run this way", "use the launcher 'spawn'"};
    return Identity{entry.pw_uid, entry.pw_gid};
}

Error not_allowed(std::string_view member, const std::string& value, std::string_view option,
                  const std::string& allowed) {
    return Error{ErrorCode::forbidden,
                 "job.json: '" + std::string(member) + "' is " + printable(value, 300) +
                     ", which this host's root does "
                     "not allow",
                 std::string(option) + " in " + kHostRulesFile + " is " + allowed};
}

bool is_below(const fs::path& folder, const fs::path& path) {
    const auto mismatch = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return mismatch.first == folder.end() && mismatch.second != path.end();
}

Result<void> check_root(const HostRules& rules, const fs::path& root) {
    if (root.empty()) return {};
    if (root.lexically_normal() != root || !is_below(rules.images, root))
        return not_allowed("root", root.string(), "images.folder", rules.images.string());
    return check_is_roots(root);
}

Result<void> check(const HostRules& rules, const JobSpec& spec) {
    if (spec.socket != rules.socket)
        return not_allowed("socket", spec.socket.string(), "jobs.socket", rules.socket.string());
    if (std::find(rules.runtimes.begin(), rules.runtimes.end(), spec.runtime) == rules.runtimes.end())
        return not_allowed("runtime", spec.runtime, "jobs.runtimes", "a list without it");
    if (!spec.python_path.empty()) {
        const fs::path allowed = rules.python.empty() ? installed_python() : rules.python;
        if (spec.python_path != allowed)
            return not_allowed("python_path", spec.python_path.string(), "jobs.python", allowed.string());
        LABHUB_CHECK(check_is_roots(spec.python_path));
    }
    return check_root(rules, spec.root);
}

}  // namespace

config::Options options_of(HostRules& rules) {
    config::Options options;
    options.add("jobs.user", &rules.user, "Whose jobs are run: the coordinator's user", config::name("user name"));
    options.add("jobs.folder", &rules.jobs, "Folder of the jobs' folders: experiments in the coordinator's data.dir");
    options.add("jobs.socket", &rules.socket,
                "Where the coordinator listens for runners: run/jobs.sock in its data.dir");
    options.add("jobs.python", &rules.python,
                "Folder of the Python packages scripts import, as jobs.python of the coordinator; empty: the installed "
                "one");
    options.add("jobs.runtimes", &rules.runtimes,
                "What jobs.runtime of the coordinator may be: auto, crun, runc, paths of programs with their command "
                "line");
    options.add("sandboxes.folder", &rules.sandboxes, "Folder for what sandboxes are made of; root's alone");
    options.add("images.folder", &rules.images, "Folder of the images sandboxes may be made of; root's alone");
    return options;
}

Result<HostRules> load_host_rules(const fs::path& file) {
    HostRules rules;
    std::error_code failure;
    if (!fs::exists(file, failure)) return rules;
    LABHUB_CHECK(check_is_roots(file));
    auto options = options_of(rules);
    LABHUB_CHECK(options.load_file(file));
    return rules;
}

Result<void> check_is_roots(const fs::path& path) {
    // Each folder on the way: who may write one can put something else in the place of what is in it.
    fs::path walked;
    for (const auto& part : path) {
        walked /= part;
        struct stat facts {};
        if (::lstat(walked.c_str(), &facts) != 0) return system_error("look at " + walked.string(), errno);
        if (facts.st_uid == 0 && !S_ISLNK(facts.st_mode) && (facts.st_mode & kOthersMayWrite) == 0) continue;
        return Error{ErrorCode::forbidden, path.string() + " is not root's alone",
                     walked.string() + " must belong to root, be no link, and be writable by nobody else"};
    }
    return {};
}

Result<JobFolders> folders_of(const HostRules& rules, const std::string& name) {
    LABHUB_CHECK(check_name("job id", name));
    LABHUB_TRY(const Identity owner, identity_of(rules.user));
    return JobFolders{rules.jobs / name, rules.sandboxes / name, owner, true, {}};
}

Result<JobSpec> read_job_spec(const HostRules& rules, const JobFolders& folders) {
    const auto read = [&] {
        const ActingAs owner{folders.owner};
        return read_job_spec(folders.job);
    };
    LABHUB_TRY(JobSpec spec, read());
    if (spec.job_id.value != folders.job.filename().string())
        return Error{ErrorCode::malformed, "job.json is that of another job: " + spec.job_id.value};
    LABHUB_CHECK(check(rules, spec));
    spec.cache_folder = rules.sandboxes / kHostFolder;
    return spec;
}

}  // namespace labhub::coordinator::runner
