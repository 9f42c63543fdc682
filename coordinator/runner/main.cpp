// labhub-runner: the shim of one job. See job_run.hpp for what it does while the job runs.

#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include <spdlog/spdlog.h>

#include "coordinator/runner/cgroups.hpp"
#include "coordinator/runner/collect.hpp"
#include "coordinator/runner/host_rules.hpp"
#include "coordinator/runner/job_run.hpp"
#include "coordinator/runner/notify.hpp"
#include "coordinator/runner/waiting.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/log.hpp"

namespace labhub::coordinator::runner {
namespace {

constexpr std::size_t kMaxStatus = 1000;
constexpr int kExitDone = 0, kExitFailed = 1, kExitUsage = 2, kExitConflict = 4;

constexpr const char* kUsage =
    "labhub-runner, the shim of one job\n"
    "  labhub-runner run JOB_DIR          run the job that JOB_DIR/job.json describes, until its end is taken\n"
    "  labhub-runner wait DIR             make a sandbox in DIR, after its job.json, and run the one job that "
    "descriptor "
    "3\n"
    "                                     names; when that is closed, remove it\n"
    "  labhub-runner discard DIR          remove what a killed `wait` left\n"
    "  labhub-runner collect JOB_DIR      bring in what a killed runner left; prints the job's state as JSON\n"
    "  labhub-runner unit-run NAME        as root for another user: run the job of that name as far as "
    "/etc/labhub/runner.toml\n"
    "                                     allows; what labhub-job@NAME.service runs\n"
    "  labhub-runner unit-collect NAME    the same for collect; what labhub-collect@NAME.service runs\n"
    "  labhub-runner probe [CACHE]        print as JSON how sandboxes are made on this host; CACHE is a folder to keep "
    "it in\n"
    "  labhub-runner bundle JOB_DIR DIR   write the job's OCI bundle to DIR, for a runtime started by hand\n";

int fail(const Error& error) {
    spdlog::error("{}", error.to_string());
    // On one line: what follows a line's end would be another message to the manager.
    notify_manager("STATUS=" + printable(error.to_string(), kMaxStatus));
    return error.code == ErrorCode::conflict ? kExitConflict : kExitFailed;
}

/// `scratch` is a folder of ours for the trials of runtimes.
int run(const Result<JobSpec>& spec, const JobFolders& folders, const std::filesystem::path& scratch) {
    if (!spec) return fail(spec.error());
    const auto lock = claim_job(folders);
    if (!lock) return fail(lock.error());
    // Whatever happens from here on is told in the job's own end.
    notify_manager("READY=1");
    auto choice = choose_runtime(spec->runtime, spec->cache_folder, scratch);
    auto sandbox = choice ? Sandbox::prepare(*spec, folders, *choice) : Result<Sandbox>(choice.error());
    run_job(*spec, folders, choice ? *choice : RuntimeChoice{}, std::move(sandbox));
    return kExitDone;
}

int collect_job(const Result<JobSpec>& spec, const JobFolders& folders) {
    if (!spec) return fail(spec.error());
    const auto state = collect(*spec, folders);
    if (!state) return fail(state.error());
    std::fputs(to_json_text(*state).c_str(), stdout);
    return kExitDone;
}

/// One of the two verbs for a job that another user describes.
int for_unit(std::string_view verb, const std::string& name) {
    const auto rules = load_host_rules(kHostRulesFile);
    if (!rules) return fail(rules.error());
    auto folders = folders_of(*rules, name);
    if (!folders) return fail(folders.error());
    // Acting as the owner must not mean root's groups besides.
    if (::setgroups(0, nullptr) != 0) return fail(system_error("leave root's groups", errno));
    const auto spec = read_job_spec(*rules, *folders);
    if (spec)
        if (const auto made = make_folder(spec->cache_folder, 0700); !made) return fail(made.error());
    if (verb != "unit-run") return collect_job(spec, *folders);
    auto cgroups = enter_delegated_cgroup();
    if (!cgroups) return fail(cgroups.error());
    folders->cgroups = std::move(*cgroups);
    return run(spec, *folders, folders->sandbox);
}

int wait(const std::filesystem::path& folder) {
    const auto waited = wait_for_job(folder, UniqueFd{kGiverDescriptor});
    return waited ? kExitDone : fail(waited.error());
}

int discard(const std::filesystem::path& folder) {
    const auto discarded = discard_waiting(folder);
    return discarded ? kExitDone : fail(discarded.error());
}

int probe(const std::filesystem::path& cache_folder) {
    std::error_code failure;
    const auto scratch = cache_folder.empty() ? std::filesystem::temp_directory_path(failure) : cache_folder;
    boost::json::array tried;
    bool works = false;
    for (const auto& trial : try_runtimes("auto", scratch)) {
        works = works || trial.error.empty();
        tried.push_back(to_json_object(trial));
    }
    if (works && !cache_folder.empty()) works = choose_runtime("auto", cache_folder, scratch).has_value();
    const int version = cgroup_version();
    std::fputs(to_pretty_json(boost::json::object{{"works", works},
                                                  {"runtimes", std::move(tried)},
                                                  {"cgroup", version == 0 ? "hybrid" : "v" + std::to_string(version)},
                                                  {"swap_limited", can_limit_swap()}})
                   .c_str(),
               stdout);
    return works ? kExitDone : kExitFailed;
}

int bundle(const std::filesystem::path& job_dir, const std::filesystem::path& folder) {
    const auto spec = read_job_spec(job_dir);
    if (!spec) return fail(spec.error());
    const auto choice = choose_runtime(spec->runtime, spec->cache_folder, job_dir);
    if (!choice) return fail(choice.error());
    const auto written = write_bare_bundle(*spec, job_dir, *choice, folder);
    return written ? kExitDone : fail(written.error());
}

int main_of(const std::vector<std::string_view>& arguments) {
    const auto verb = arguments.empty() ? std::string_view{} : arguments[0];
    const auto absolute = [&](std::size_t i) { return std::filesystem::absolute(arguments[i]); };
    if (verb == "run" && arguments.size() == 2)
        return run(read_job_spec(absolute(1)), folders_of(absolute(1)), absolute(1));
    if (verb == "wait" && arguments.size() == 2) return wait(absolute(1));
    if (verb == "discard" && arguments.size() == 2) return discard(absolute(1));
    if (verb == "collect" && arguments.size() == 2)
        return collect_job(read_job_spec(absolute(1)), folders_of(absolute(1)));
    if ((verb == "unit-run" || verb == "unit-collect") && arguments.size() == 2)
        return for_unit(verb, std::string(arguments[1]));
    if (verb == "bundle" && arguments.size() == 3) return bundle(absolute(1), absolute(2));
    if (verb == "probe" && arguments.size() <= 2)
        return probe(arguments.size() == 2 ? absolute(1) : std::filesystem::path{});
    std::fputs(kUsage, verb == "--help" ? stdout : stderr);
    return verb == "--help" ? kExitDone : kExitUsage;
}

}  // namespace
}  // namespace labhub::coordinator::runner

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    // Folders of a sandbox are entered by users of its own, whatever whoever started us thinks of others.
    ::umask(022);
    if (!labhub::start_logging("runner", "info")) return labhub::coordinator::runner::kExitFailed;
    return labhub::coordinator::runner::main_of({argv + 1, argv + argc});
}
