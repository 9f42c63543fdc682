#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"

namespace labhub::coordinator::jobs {

/// The devices any one of which will do for a job; the first free one is taken.
struct DeviceChoice {
    std::vector<DeviceAddress> devices;
    std::string why_none;  ///< for people: what is lacking where there is no device
};

/// A queued job, as far as its turn depends on it.
struct Waiting {
    JobId id;
    std::string user;
    int priority = 0;  ///< larger goes first, whoever's it is
    UtcMillis queued_at;
    UtcMillis not_before;  ///< "run at"; in the past: as soon as can be
    bool is_held = false;
    std::shared_ptr<const DeviceChoice> choice;  ///< many jobs may share one
    bool needs_device = true;                    ///< false: a dry run
    double cpus = 1;
    std::int64_t memory_bytes = 0;
    std::chrono::milliseconds time_limit{0};
};

/// A job that has its device, until it ends.
struct Running {
    std::string user;
    DeviceAddress device;  ///< of no node: it has none
    double cpus = 1;
    std::int64_t memory_bytes = 0;
    UtcMillis ends_by;  ///< by its time limit
};

/// A device somebody other than a job holds, or that can't be lent now. One that isn't named is free.
struct Unavailable {
    std::string reason;              ///< for people: "leased to user:ada", "its node is offline"
    std::optional<UtcMillis> until;  ///< unset: nobody knows
};

/// A stretch of a device's calendar that is one user's, from `from` up to and without `to`.
struct Reserved {
    DeviceAddress device;
    std::string user;
    UtcMillis from, to;
    std::string id = {};  ///< the reservation's
};

/// What one user has a right to, and has had. A user that isn't named has the default of each.
struct Share {
    double weight = 1;            ///< of two users with work waiting, one of weight 2 gets twice as much
    double used_cpu_seconds = 0;  ///< of late; the caller lets it decay
    std::optional<std::size_t> max_running;
    std::optional<double> cpu_hours_left;  ///< of the quota; unset: none
    std::string barred;                    ///< why nothing of his is started; empty: it is
    std::string max_running_by;            ///< who says so, for people: "role 'student'"
    std::string cpu_quota;                 ///< likewise: "10 in 7d, by role 'student'"
};

/// What all jobs share.
struct Capacity {
    std::size_t jobs = 0;
    double cpus = 0;
    std::int64_t memory_bytes = 0;
    std::string paused;  ///< why nothing is started; empty: things are
};

/// All a turn depends on, at one moment.
struct Situation {
    UtcMillis now;
    Capacity capacity;
    std::vector<Waiting> waiting;
    std::vector<Running> running;
    std::map<DeviceAddress, Unavailable> unavailable;
    std::vector<Reserved> reserved;
    std::map<std::string, Share> shares;
};

struct Start {
    JobId job;
    DeviceAddress device;
};

/// Where a job that can't start yet stands.
struct Place {
    std::size_t position = 0;      ///< 1 for the next
    std::string why;               ///< one sentence for people
    std::string reservation = {};  ///< the id of the one that is in its way; empty: none is
};

struct Schedule {
    std::vector<Start> starts;     ///< in order
    std::map<JobId, Place> waits;  ///< all others
};

/// Who starts now, and why the others don't. A pure function: the same situation has the same schedule.
///
/// The order: higher priority first; among equals the user who has the least running for his weight, then the one who
/// has used the least of late for it, then the job that has waited longest. Each takes the first of its devices that is
/// free and that nobody else has reserved before its time limit would be over. A job whose device is taken lets the
/// others pass, as they don't want what it waits for; one that waits for slots, processors or memory lets nobody pass,
/// so that small jobs can't keep a large one waiting for ever.
Schedule make_schedule(const Situation& situation);

/// When each would start if all that run and start took their whole time limit, nobody came in between and every node
/// were in reach: a bound from above, to show. Jobs that are held, or wait for something nobody knows the end of, are
/// missing, and of a very long queue the end. Looks no further than `horizon` ahead.
std::map<JobId, UtcMillis> forecast(Situation situation, std::chrono::hours horizon = std::chrono::hours{24 * 30});

}  // namespace labhub::coordinator::jobs
