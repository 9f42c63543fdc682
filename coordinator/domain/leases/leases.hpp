#pragma once

#include <functional>
#include <map>
#include <vector>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/leases/lease.hpp"
#include "coordinator/store/job_store.hpp"

namespace labhub::coordinator::leases {

/// The one lease table. A lease lives in three places, each of which ends it by itself: here (and in the database), on
/// the node's agent, which makes the device safe when it isn't renewed for `time_to_live`, and on the board, which does
/// so when it hears no heartbeat. Lives on the main thread.
class Leases {
  public:
    Leases(fleet::Fleet& fleet, store::JobStore& store, const Clock& clock, std::chrono::milliseconds time_to_live)
        : fleet_(fleet), store_(store), clock_(clock), time_to_live_(time_to_live) {}

    /// Takes over what the database holds, at the start of the program.
    void restore(std::vector<Lease> open);
    const Lease* find(const DeviceAddress& device) const;
    const Lease* find(const LeaseId& id) const;
    std::size_t size() const { return leases_.size(); }
    const std::map<DeviceAddress, Lease>& all() const { return leases_; }
    /// Errors conflict: who holds the device and until when; unavailable: its node is leaving.
    Result<void> check_free(const DeviceAddress& device) const;

    /// A new lease that excludes others from now on, not yet stored or known to the node. Error conflict as check_free.
    /// The caller stores it, then calls grant(); or gives it up with forget().
    Result<Lease> reserve(const DeviceAddress& device, std::string holder, std::chrono::milliseconds duration);
    void forget(const LeaseId& id);
    /// Tells the node's agent that this lease controls the device. Error unavailable, timed_out.
    Task<Result<void>> grant(LeaseId id);
    /// Lets it expire that long after it was granted, and stores that; what has ended stays so.
    Task<void> set_time(LeaseId id, std::chrono::milliseconds time);
    /// Ends the lease: the node makes the device safe, the end is stored. When the node can't be reached its own
    /// dead-man does it. Releasing what has ended is fine.
    Task<Result<void>> release(LeaseId id, std::string reason);

    /// Renews every lease with its node. One that the node no longer knows, or that has expired, is told to on_lost.
    Task<void> renew_all();
    /// (lease, why): the device has been made safe, or will be, without the holder's doing.
    std::function<void(const Lease&, const Error&)> on_lost;

    std::chrono::milliseconds time_to_live() const { return time_to_live_; }

  private:
    Lease* find(const LeaseId& id);
    Task<void> renew(LeaseId id);
    Task<Result<void>> store_end(Lease lease);

    fleet::Fleet& fleet_;
    store::JobStore& store_;
    const Clock& clock_;
    std::chrono::milliseconds time_to_live_;
    std::map<DeviceAddress, Lease> leases_;
};

}  // namespace labhub::coordinator::leases
