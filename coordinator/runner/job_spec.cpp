#include "coordinator/runner/job_spec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <tuple>

#include "coordinator/runner/init/init_protocol.h"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace json = boost::json;

constexpr std::string_view kFile = "job.json";
constexpr std::size_t kMaxFileBytes = 1u << 20;

/// Half of what one message to labhub-init may hold: our own variables need little of the other half.
constexpr std::size_t kMaxTold = LABHUB_INIT_MAX_PACKET / 2;
constexpr std::size_t kMaxToldStrings = LABHUB_INIT_MAX_STRINGS / 2;

/// Reads members of one JSON object; remembers the first thing that is wrong.
class Members {
  public:
    explicit Members(const json::object& object) : object_(object) {}

    template <class T>
    void read(const char* name, T& into) {
        const auto* found = object_.if_contains(name);
        if (!found) return fail(name, "is missing");
        auto converted = json::try_value_to<T>(*found);
        if (!converted) return fail(name, "has the wrong type");
        into = std::move(*converted);
    }
    void read(const char* name, std::filesystem::path& into) {
        std::string text;
        read(name, text);
        into = text;
    }
    template <class T>
    void require(const char* name, T value, T least, T most) {
        if (value < least || value > most)
            fail(name, "must be " + std::to_string(least) + " to " + std::to_string(most));
    }
    void fail(const char* name, const std::string& what) {
        if (!error_) error_ = Error{ErrorCode::malformed, std::string(kFile) + ": '" + name + "' " + what};
    }
    Result<void> result() const {
        if (error_) return *error_;
        return {};
    }

  private:
    const json::object& object_;
    std::optional<Error> error_;
};

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint64_t kTiB = 1ull << 40;

Result<Limits> limits_from_json(const json::object& object) {
    Limits limits;
    Members members{object};
    members.read("memory_bytes", limits.memory_bytes);
    members.read("cpus", limits.cpus);
    members.read("pids", limits.pids);
    members.read("time_limit_ms", limits.time_limit_ms);
    members.read("grace_ms", limits.grace_ms);
    members.read("output_bytes", limits.output_bytes);
    members.read("output_files", limits.output_files);
    members.read("log_bytes", limits.log_bytes);
    members.read("tmp_bytes", limits.tmp_bytes);
    members.require("memory_bytes", limits.memory_bytes, 16 * kMiB, kTiB);
    members.require("cpus", limits.cpus, 0.01, 1024.0);
    members.require("pids", limits.pids, 4u, 1u << 20);
    members.require<std::int64_t>("time_limit_ms", limits.time_limit_ms, 1, 366ll * 24 * 3600 * 1000);
    members.require<std::int64_t>("grace_ms", limits.grace_ms, 0, 3600 * 1000);
    members.require("output_bytes", limits.output_bytes, kMiB, kTiB);
    members.require("output_files", limits.output_files, 16u, 10'000'000u);
    members.require("log_bytes", limits.log_bytes, std::uint64_t{1024}, kTiB);
    members.require("tmp_bytes", limits.tmp_bytes, kMiB / 16, kTiB);
    LABHUB_CHECK(members.result());
    return limits;
}

json::object to_json_object(const Limits& limits) {
    return {
        {"memory_bytes", limits.memory_bytes},   {"cpus", limits.cpus},           {"pids", limits.pids},
        {"time_limit_ms", limits.time_limit_ms}, {"grace_ms", limits.grace_ms},   {"output_bytes", limits.output_bytes},
        {"output_files", limits.output_files},   {"log_bytes", limits.log_bytes}, {"tmp_bytes", limits.tmp_bytes}};
}

Result<void> check(const JobSpec& spec) {
    LABHUB_CHECK(check_name("job id", spec.job_id.value));
    const auto wrong = [](const char* what) { return Error{ErrorCode::malformed, std::string(kFile) + ": " + what}; };
    if (!spec.socket.is_absolute()) return wrong("'socket' must be an absolute path");
    if (!spec.root.empty() && !spec.root.is_absolute()) return wrong("'root' must be an absolute path");
    if (spec.argv.empty() || spec.argv.front().empty()) return wrong("'argv' must name a program");
    if (spec.api_port == 0) return wrong("'api_port' must be 1 to 65535");
    for (const auto& [name, value] : spec.environment)
        if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos ||
            value.find('\0') != std::string::npos)
            return wrong("'environment' holds a name or value that no process can be given");
    return {};
}

/// As one step for whoever reads it, but without waiting for the disk.
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
    const std::filesystem::path temporary = path.string() + ".tmp";
    const UniqueFd file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
    if (!file) return system_error("create " + temporary.string(), errno);
    ::fchmod(file.get(), mode);
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return system_error("write " + temporary.string(), errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename to " + path.string(), errno);
    return {};
}

}  // namespace

bool fits(const JobSpec& like, const JobSpec& job) {
    const auto bounds = [](const Limits& l) { return std::tie(l.output_bytes, l.output_files, l.tmp_bytes); };
    std::size_t bytes = 0;
    for (const auto& argument : job.argv) bytes += argument.size();
    for (const auto& [name, value] : job.environment) bytes += name.size() + value.size();
    return bounds(like.limits) == bounds(job.limits) && like.root == job.root && like.python_path == job.python_path &&
           like.runtime == job.runtime && like.api_port == job.api_port && bytes <= kMaxTold &&
           job.argv.size() + job.environment.size() <= kMaxToldStrings;
}

Result<JobSpec> read_job_spec(const std::filesystem::path& job_dir) {
    std::error_code missing;
    if (!std::filesystem::exists(job_dir / kFile, missing))
        return Error{ErrorCode::not_found, "no " + std::string(kFile) + " in " + job_dir.string()};
    LABHUB_TRY(const std::string text, read_file(job_dir / kFile, kMaxFileBytes));
    LABHUB_TRY(const json::value parsed, parse_json(text));
    if (!parsed.is_object() || !parsed.as_object().contains("limits") || !parsed.at("limits").is_object())
        return Error{ErrorCode::malformed, std::string(kFile) + ": an object with an object 'limits' is needed"};
    JobSpec spec;
    Members members{parsed.as_object()};
    members.read("job_id", spec.job_id.value);
    members.read("secret", spec.secret);
    members.read("socket", spec.socket);
    members.read("argv", spec.argv);
    members.read("environment", spec.environment);
    members.read("python_path", spec.python_path);
    members.read("runtime", spec.runtime);
    members.read("api_port", spec.api_port);
    members.read("cache_folder", spec.cache_folder);
    // A coordinator from before there were images left it out.
    if (parsed.as_object().contains("root")) members.read("root", spec.root);
    LABHUB_CHECK(members.result());
    LABHUB_TRY(spec.limits, limits_from_json(parsed.at("limits").as_object()));
    LABHUB_CHECK(check(spec));
    return spec;
}

std::filesystem::path input_folder(const std::filesystem::path& job_dir) { return job_dir / "input"; }

Result<void> write_script(const std::filesystem::path& job_dir, std::string_view script) {
    return replace_file(job_dir / "script.py", script, 0644);
}

Result<void> write_job_spec(const std::filesystem::path& job_dir, const JobSpec& spec) {
    LABHUB_CHECK(check(spec));
    const json::object object{{"job_id", spec.job_id.value},
                              {"secret", spec.secret},
                              {"socket", spec.socket.string()},
                              {"argv", json::value_from(spec.argv)},
                              {"environment", json::value_from(spec.environment)},
                              {"limits", to_json_object(spec.limits)},
                              {"root", spec.root.string()},
                              {"python_path", spec.python_path.string()},
                              {"runtime", spec.runtime},
                              {"api_port", spec.api_port},
                              {"cache_folder", spec.cache_folder.string()}};
    return replace_file(job_dir / kFile, to_pretty_json(object), 0600);
}

}  // namespace labhub::coordinator::runner
