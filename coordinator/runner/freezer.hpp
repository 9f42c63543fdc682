#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "coordinator/runner/cgroups.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// The kernel's switch that stops every process of one cgroup, and those they fork meanwhile: `freezer.state` of
/// version 1, or `cgroup.freeze` of version 2. What is frozen by version 1 does not even die of SIGKILL before it is
/// thawed; whoever kills has to thaw too.
class Freezer {
  public:
    /// That of the hierarchy which has `member` in this cgroup. A hybrid host may show the cgroup in both versions: the
    /// one that holds the process counts, version 1 where both do, as the runtimes use it there. Error unsupported.
    static Result<Freezer> find(const Cgroup& cgroup, pid_t member);
    /// Of a cgroup's folder that has either file. Error unsupported.
    static Result<Freezer> of(const std::filesystem::path& folder);

    /// Asks for it; is_frozen() tells when every process has stopped. Errors as the kernel gave them.
    Result<void> freeze() const { return write(true); }
    Result<void> thaw() const { return write(false); }
    bool is_frozen() const;
    int version() const { return version_; }

    /// The control file, and what thaws when it is written there: for who can do no more than write(2).
    const std::filesystem::path& control() const { return control_; }
    std::string_view thawing() const { return word(false); }

  private:
    Freezer(std::filesystem::path folder, int version);
    std::string_view word(bool is_frozen) const;
    Result<void> write(bool is_frozen) const;

    std::filesystem::path folder_, control_;
    int version_;
};

/// While it lives, a process of its own thaws the cgroup should this one die, however. That process knows nothing but
/// two descriptors and is deaf to the signals that ask a process to end.
class FreezeGuard {
  public:
    /// Errors as open(2) and fork(2) gave them.
    static Result<FreezeGuard> set(const Freezer& freezer);
    FreezeGuard(FreezeGuard&& other) noexcept : line_(std::move(other.line_)), pid_(std::exchange(other.pid_, -1)) {}
    FreezeGuard& operator=(FreezeGuard&& other) noexcept;
    /// Calls it off.
    ~FreezeGuard();

  private:
    FreezeGuard(UniqueFd line, pid_t pid) : line_(std::move(line)), pid_(pid) {}

    UniqueFd line_;  ///< its end is this process's
    pid_t pid_ = -1;
};

}  // namespace labhub::coordinator::runner
