#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"

namespace labhub::coordinator::jobs {

/// What one user's jobs used that ended within one hour.
struct UsedInHour {
    std::string user;
    UtcMillis hour;  ///< its beginning
    std::int64_t cpu_ms = 0;
};

/// What users' jobs have used of the processors, by the hours in which they ended: for the quota over a window, to the
/// hour, and for the fair share, in which what is past counts less and less. Main thread.
class Usage {
  public:
    /// Used time counts half after `half_life`. What is older than `keep` is forgotten.
    explicit Usage(std::chrono::milliseconds half_life, std::chrono::hours keep = std::chrono::hours{24 * 367})
        : half_life_(half_life), keep_(keep) {}

    void add(const std::string& user, UtcMillis ended, std::int64_t cpu_ms);
    /// Of the jobs that ended in the window up to now.
    double cpu_seconds(const std::string& user, UtcMillis now, std::chrono::milliseconds window) const;
    /// Of all of them, each halved as often as the half-life has passed since its end.
    double recent_cpu_seconds(const std::string& user, UtcMillis now) const;

  private:
    struct OfUser {
        std::map<std::int64_t, std::int64_t> ms_by_hour;
        double recent_ms = 0;  ///< as of `at`
        UtcMillis at;
    };
    double faded(std::chrono::milliseconds age) const;

    std::chrono::milliseconds half_life_;
    std::chrono::hours keep_;
    std::map<std::string, OfUser> users_;
};

}  // namespace labhub::coordinator::jobs
