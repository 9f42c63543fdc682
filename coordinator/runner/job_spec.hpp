#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// What one job may use. Every number is a hard bound that the kernel or the runner enforces.
struct Limits {
    std::uint64_t memory_bytes = 512ull << 20;  ///< RAM, page cache and tmpfs of the sandbox together; no swap
    double cpus = 1.0;                          ///< processor time per wall time: 0.5 is half a core
    std::uint32_t pids = 256;                   ///< processes and threads at one time
    std::int64_t time_limit_ms = 3'600'000;     ///< from the script's start to SIGTERM
    std::int64_t grace_ms = 5'000;              ///< from that SIGTERM to SIGKILL of everything
    std::uint64_t output_bytes = 1ull << 30;    ///< all files in /app/output together
    std::uint32_t output_files = 20'000;        ///< files and folders in /app/output
    std::uint64_t log_bytes = 16ull << 20;      ///< stdout.txt and stderr.txt, each; what comes after is counted
    std::uint64_t tmp_bytes = 256ull << 20;     ///< /tmp, counted as memory too
};

/// All a runner needs to know of its job: the file JOB_DIR/job.json, written by the coordinator before it starts the
/// runner. Beside it lies JOB_DIR/script.py. The file holds the job's secret and is readable by its owner only.
struct JobSpec {
    JobId job_id;
    std::string secret;            ///< comes back in the runner's Hello
    std::filesystem::path socket;  ///< the coordinator's Unix socket (absolute)
    std::vector<std::string> argv{"/usr/bin/python3", "-u", "/app/user_script.py"};
    /// Added to the sandbox's environment. BIOREACTOR_NODE_API_URL, BIOREACTOR_HUB_API_URL, LABHUB_URL, EXPERIMENT_ID,
    /// PATH, HOME and what numpy and matplotlib need are set by the runner; a name given here wins.
    std::map<std::string, std::string> environment;
    Limits limits;
    /// The root of the image the sandbox is made of, on this host; empty: this host's own /usr.
    std::filesystem::path root;
    std::filesystem::path python_path;  ///< host folder with our Python packages, at /opt/labhub/python in the sandbox
    std::string runtime = "auto";       ///< auto, runc, crun, or the path of a program with runc's command line
    std::uint16_t api_port = 8000;      ///< the hub's API inside the sandbox: 127.0.0.1:api_port
    /// Where what was found out about this host (which runtime works) is kept between jobs; empty: find out each time.
    std::filesystem::path cache_folder;
};

/// Whether a sandbox made after `like`, in advance, can be what `job` asks for: the same size of output and /tmp,
/// image, host folders and runtime (memory, processors and processes can still be set), and arguments and environment
/// that labhub-init can be told (init_protocol.h).
bool fits(const JobSpec& like, const JobSpec& job);

/// JOB_DIR/job.json. Errors not_found, malformed (says which member and what would be right), out_of_range.
Result<JobSpec> read_job_spec(const std::filesystem::path& job_dir);
/// Writes JOB_DIR/job.json with mode 0600, as one step. It may be gone after a power cut, and so is the runner it was
/// for: whoever wants it then writes it again.
Result<void> write_job_spec(const std::filesystem::path& job_dir, const JobSpec& spec);
/// `JOB_DIR/input`: the files the script finds in /app/input. A job without any has no such folder.
std::filesystem::path input_folder(const std::filesystem::path& job_dir);
/// JOB_DIR/script.py, likewise.
Result<void> write_script(const std::filesystem::path& job_dir, std::string_view script);

}  // namespace labhub::coordinator::runner
