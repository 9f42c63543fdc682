#include "coordinator/runner/sandbox.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>

#include <spdlog/spdlog.h>

#include "coordinator/runner/disk_image.hpp"
#include "coordinator/runner/job_report.hpp"
#include "coordinator/runner/live_bind.hpp"
#include "coordinator/runner/root_folder.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

/// Folders every host has and no sandbox needs; one of them is covered, in our own mount namespace only.
constexpr const char* kWorkplaces[] = {"/mnt", "/media", "/srv", "/boot", "/home", "/opt"};
constexpr std::size_t kMaxScript = 16u << 20;
constexpr int kDeleteSeconds = 30;
constexpr int kUpdateSeconds = 10;

bool contains(const fs::path& folder, const fs::path& path) {
    const auto mismatch = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return mismatch.first == folder.end();
}

Result<fs::path> find_workplace(std::initializer_list<fs::path> needed) {
    for (const fs::path candidate : kWorkplaces) {
        std::error_code failure;
        if (!fs::is_directory(candidate, failure)) continue;
        if (std::none_of(needed.begin(), needed.end(), [&](const auto& path) { return contains(candidate, path); }))
            return candidate;
    }
    return Error{ErrorCode::unsupported, "no folder to build the sandbox on",
                 "one of /mnt, /media, /srv, /boot, /home, /opt"};
}

fs::path own_program_folder() {
    std::error_code failure;
    return fs::read_symlink("/proc/self/exe", failure).parent_path();
}

Result<void> bind_mount(const fs::path& source, const fs::path& target) {
    if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return system_error("bind " + source.string(), errno);
    return {};
}

std::string container_name(const JobId& name) { return "labhub-" + name.value; }

/// An empty file to bind a file on, or a file with `bytes`; readable by all.
Result<void> put(const fs::path& path, std::string_view bytes) {
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!file) return system_error("create " + path.string(), errno);
    ::fchmod(file.get(), 0644);
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return system_error("write " + path.string(), errno);
    return {};
}

}  // namespace

fs::path image_path(const fs::path& sandbox_folder) { return sandbox_folder / "output.img"; }
fs::path plain_output_path(const fs::path& sandbox_folder) { return sandbox_folder / "output"; }

JobId sandbox_name(const fs::path& sandbox_folder, const JobId& job) {
    const auto waited = read_job_spec(sandbox_folder);
    return waited ? waited->job_id : job;
}

Result<void> enter_private_mounts(bool hide_unified) {
    if (::unshare(CLONE_NEWNS) != 0) {
        if (errno == EPERM) return Error{ErrorCode::forbidden, "making a sandbox needs root (CAP_SYS_ADMIN)"};
        return system_error("make a mount namespace", errno);
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error("make mounts private", errno);
    if (!hide_unified) return {};
    // An empty tree of our own in its place: the runtime makes its folders there, and on the host's they would stay.
    ::umount2("/sys/fs/cgroup/unified", MNT_DETACH);
    if (::mount("labhub", "/sys/fs/cgroup/unified", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m") != 0)
        return system_error("hide /sys/fs/cgroup/unified", errno);
    return {};
}

Sandbox::Sandbox(const JobSpec& spec, const fs::path& folder, const RuntimeChoice& choice)
    : folder_(folder), choice_(choice), name_(spec.job_id), uid_(host_uid(spec.job_id)) {
    options_.user_namespace = choice.user_namespace;
    options_.limit_swap = can_limit_swap();
}

Result<Sandbox> Sandbox::prepare(const JobSpec& spec, const JobFolders& folders, const RuntimeChoice& choice) {
    Sandbox sandbox{spec, folders.sandbox, choice};
    if (!folders.cgroups.empty()) sandbox.options_.cgroup = folders.cgroups + "/" + spec.job_id.value;
    LABHUB_TRY(const std::string script, read_script(folders, kMaxScript));
    LABHUB_CHECK(sandbox.make(spec, script, &folders));
    return sandbox;
}

Result<Sandbox> Sandbox::prepare_waiting(const JobSpec& like, const fs::path& folder, const RuntimeChoice& choice) {
    Sandbox sandbox{like, folder, choice};
    sandbox.options_.waits = true;
    LABHUB_CHECK(sandbox.make(like, "", nullptr));
    return sandbox;
}

Result<void> Sandbox::take_job(const fs::path& job_dir) {
    LABHUB_TRY(const std::string script, read_file(job_dir / "script.py", kMaxScript));
    const UniqueFd file{::open(sources_.script.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)};
    if (!file || ::write(file.get(), script.data(), script.size()) != static_cast<ssize_t>(script.size()))
        return system_error("write " + sources_.script.string(), errno);
    LABHUB_CHECK(take_input(input_folder(job_dir)));
    const fs::path folder = sandbox_folder(job_dir);
    if (::rename(folder_.c_str(), folder.c_str()) != 0) return system_error("rename to " + folder.string(), errno);
    folder_ = folder;
    return {};
}

/// The container stands already: its folder is shown in it as it is.
Result<void> Sandbox::take_input(const fs::path& input) const {
    std::error_code none;
    if (!fs::is_directory(input, none)) return {};
    LABHUB_TRY(const pid_t init, init_process());
    return bind_into(init, input, kInputPath);
}

Result<void> Sandbox::set_limits(const Limits& limits) const {
    const CpuQuota cpu = cpu_quota(limits);
    Command command;
    command.argv = {choice_.program,
                    "--root",
                    (folder_ / "state").string(),
                    "--log",
                    (workplace_ / "runtime.log").string(),
                    "update",
                    "--memory",
                    std::to_string(limits.memory_bytes),
                    "--cpu-period",
                    std::to_string(cpu.period_us),
                    "--cpu-quota",
                    std::to_string(cpu.quota_us),
                    "--pids-limit",
                    std::to_string(limits.pids)};
    if (options_.limit_swap) {
        command.argv.insert(command.argv.end(), {"--memory-swap", std::to_string(limits.memory_bytes)});
    }
    command.argv.push_back(container_name(name_));
    LABHUB_TRY(const pid_t pid, start_process(command));
    if (wait_process(pid, kUpdateSeconds) != 0) return Error{ErrorCode::unsupported, runtime_error()};
    return {};
}

Result<void> Sandbox::make(const JobSpec& spec, const std::string& script, const JobFolders* job) {
    LABHUB_CHECK(make_folder(folder_, 0700));
    LABHUB_CHECK(enter_private_mounts(choice_.hide_unified));
    // Not before: what was opened in another mount namespace can't be bound in this one.
    if (job) {
        LABHUB_TRY(input_, open_input(*job));
    }
    cgroup_ = Cgroup{cgroup_name()};
    LABHUB_CHECK(make_workplace(spec));
    // Attaching and mounting wait for the disk; the rest needs the processor.
    auto mounting = std::async(std::launch::async, [&] { return mount_output(spec); });
    auto filled = fill_workplace(spec, script);
    const auto mounted = mounting.get();
    LABHUB_CHECK(std::move(filled));
    LABHUB_CHECK(bound_output(spec, mounted));
    return write_bundle(spec);
}

Result<void> Sandbox::fill_workplace(const JobSpec& spec, const std::string& script) {
    LABHUB_CHECK(
        make_root_folder(workplace_ / "bundle/rootfs", choice_.user_namespace ? kSandboxUid : uid_, spec.root));
    LABHUB_TRY(network_, make_sandbox_network(spec.api_port));
    sources_.network = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network_.name_space.get());
    return bind_sources(spec, script);
}

Result<void> Sandbox::mount_output(const JobSpec& spec) const {
    LABHUB_TRY(auto image, DiskImage::make(image_path(folder_), spec.limits.output_bytes, spec.limits.output_files,
                                           uid_, spec.cache_folder));
    return image.mount(sources_.output);
}

Result<void> Sandbox::bound_output(const JobSpec& spec, const Result<void>& mounted) {
    if (mounted) {
        disk_limit_by_ = "loop ext4";
        options_.largest_file = image_bytes(spec.limits.output_bytes, spec.limits.output_files);
        return {};
    }
    spdlog::warn("the output folder is watched, not bounded by the kernel: {}", mounted.error().to_string());
    return make_plain_output(spec);
}

Result<void> Sandbox::make_workplace(const JobSpec& spec) {
    LABHUB_TRY(workplace_,
               find_workplace({folder_, spec.root, spec.python_path, own_program_folder(), choice_.program}));
    if (::mount("labhub", workplace_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m") != 0)
        return system_error("mount the sandbox's workplace", errno);
    sources_.output = workplace_ / "output";
    LABHUB_CHECK(make_folder(sources_.output));
    return make_folder(workplace_ / "bundle");
}

/// Copies or binds what the sandbox is made of to where the user namespace's root can reach it, whatever the modes of
/// the folders above the originals.
Result<void> Sandbox::bind_sources(const JobSpec& spec, const std::string& script) {
    sources_.init = workplace_ / "init";
    LABHUB_CHECK(put(sources_.init, ""));
    LABHUB_CHECK(bind_mount(own_program_folder() / "labhub-init", sources_.init));
    sources_.script = workplace_ / "script.py";
    LABHUB_CHECK(put(sources_.script, script));
    if (input_) {
        sources_.input = workplace_ / "input";
        LABHUB_CHECK(make_folder(sources_.input));
        LABHUB_CHECK(bind_mount("/proc/self/fd/" + std::to_string(input_.get()), sources_.input));
    }
    if (!spec.root.empty()) {
        sources_.image = workplace_ / "image";
        LABHUB_CHECK(make_folder(sources_.image));
        LABHUB_CHECK(bind_mount(spec.root, sources_.image));
    }
    if (spec.python_path.empty()) return {};
    sources_.python = workplace_ / "python";
    LABHUB_CHECK(make_folder(sources_.python));
    return bind_mount(spec.python_path, sources_.python);
}

Result<void> Sandbox::make_plain_output(const JobSpec& spec) {
    disk_limit_by_ = "polling";
    options_.largest_file = spec.limits.output_bytes;
    const fs::path folder = plain_output_path(folder_);
    LABHUB_CHECK(make_folder(folder));
    if (::chown(folder.c_str(), uid_, uid_) != 0) return system_error("give the output folder to the script", errno);
    return bind_mount(folder, sources_.output);
}

Result<void> Sandbox::write_bundle(const JobSpec& spec) const {
    return put(workplace_ / "bundle/config.json", boost::json::serialize(oci_config(spec, sources_, options_)));
}

Result<pid_t> Sandbox::start(const SandboxStreams& streams) const {
    // Never the host's /dev/null: crun gives what the three streams are to the script's user, who could then change its
    // mode for everybody. Of a pipe whose other end is closed one reads the same nothing.
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make the sandbox's streams", errno);
    const UniqueFd empty{ends[0]}, unread{ends[1]};
    const bool has_input = is_gvisor(choice_);
    Command command;
    command.argv = {choice_.program};
    const auto add = [&](std::initializer_list<std::string> words) { command.argv.insert(command.argv.end(), words); };
    if (has_input) add({"--network=host", "--oci-seccomp"});
    add({"--root", (folder_ / "state").string(), "--log", (workplace_ / "runtime.log").string(), "run", "--detach"});
    add({"--pid-file", (workplace_ / "pid").string(), "--bundle", (workplace_ / "bundle").string()});
    if (!has_input) add({"--preserve-fds", "1"});
    add({container_name(name_)});
    command.in = has_input ? streams.lifeline : empty.get();
    command.out = streams.out >= 0 ? streams.out : unread.get();
    command.err = streams.err >= 0 ? streams.err : unread.get();
    command.pass = has_input ? -1 : streams.lifeline;
    command.oom_score = kSandboxOomScore;
    return start_process(command);
}

Result<pid_t> Sandbox::init_process() const {
    LABHUB_TRY(const std::string text, read_file(workplace_ / "pid", 64));
    const int pid = std::atoi(text.c_str());
    if (pid <= 1) return Error{ErrorCode::internal, "the runtime wrote no process id"};
    return static_cast<pid_t>(pid);
}

std::string Sandbox::runtime_error() const {
    const auto log = read_file(workplace_ / "runtime.log");
    const auto text = log ? trim(*log) : std::string_view{};
    if (text.empty()) return choice_.version + " failed and said nothing";
    return choice_.version + ": " + printable(text.substr(text.rfind('\n') + 1), 1000);
}

bool Sandbox::is_output_full() const {
    if (disk_limit_by_ == "polling") return false;
    return is_file_system_full(sources_.output);
}

void Sandbox::dismantle() {
    // runsc's helper is our child too, and `delete` waits until it is gone.
    while (is_gvisor(choice_) && ::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    delete_container(choice_.program, folder_, name_);
    if (!cgroup_.remove()) spdlog::warn("the cgroup of {} could not be removed", name_.value);
    ::umount2(sources_.output.c_str(), MNT_DETACH);
    std::error_code failure;
    fs::remove_all(folder_, failure);
    if (failure) spdlog::warn("clear {}: {}", folder_.string(), failure.message());
}

void delete_container(const std::string& program, const fs::path& sandbox_folder, const JobId& name) {
    const fs::path state = sandbox_folder / "state";
    if (program.empty() || ::access(state.c_str(), F_OK) != 0) return;
    Command command;
    command.argv = {program, "--root", state.string(), "delete", "--force", container_name(name)};
    if (const auto pid = start_process(command)) wait_process(*pid, kDeleteSeconds);
}

Result<void> write_bare_bundle(const JobSpec& spec, const fs::path& job_dir, const RuntimeChoice& choice,
                               const fs::path& folder) {
    LABHUB_CHECK(make_folder(folder / "output"));
    const std::uint32_t uid = host_uid(spec.job_id);
    if (::chown((folder / "output").c_str(), uid, uid) != 0)
        return system_error("give the output folder to the script", errno);
    LABHUB_CHECK(make_root_folder(folder / "rootfs", choice.user_namespace ? kSandboxUid : uid, spec.root));
    const BundleSources sources{own_program_folder() / "labhub-init",
                                job_dir / "script.py",
                                spec.python_path,
                                "",
                                folder / "output",
                                "",
                                spec.root};
    BundleOptions options;
    options.user_namespace = choice.user_namespace;
    options.limit_swap = can_limit_swap();
    options.largest_file = spec.limits.output_bytes;
    return write_file(folder / "config.json", to_pretty_json(oci_config(spec, sources, options)));
}

}  // namespace labhub::coordinator::runner
