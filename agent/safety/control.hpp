#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "shared/base/clock.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/result.hpp"

namespace labhub::agent::safety {

/// Who is in control of one device, and until when: a lease, or a person's manual hold, or nobody. Pure bookkeeping on
/// an injected clock; whoever uses it makes the device safe when control ends.
class Control {
  public:
    /// Control that ran out.
    struct Ending {
        LeaseId lease;       ///< empty: it was a manual hold
        std::string reason;  ///< for the audit trail
    };

    Control(const Clock& clock, std::chrono::milliseconds manual_hold) : clock_(clock), manual_hold_(manual_hold) {}

    /// Whether a command under `lease` (empty: none) may change the device. Error conflict names the holder and until
    /// when, or says that the lease isn't the present one.
    Result<void> check(const LeaseId& lease) const;
    /// Begins or renews a lease; a manual hold ends.
    void grant(LeaseId lease, std::string holder, std::chrono::milliseconds ttl);
    /// A person changed something while there is no lease: the manual hold begins anew.
    void touch_manual();
    /// Nobody is in control any more.
    void end() { lease_.reset(), manual_until_.reset(); }
    /// Ends what has run out by now and says what it was.
    std::optional<Ending> take_expired();

    /// The present lease; empty if there is none (an expired one is none).
    LeaseId lease() const { return leased() ? lease_->id : LeaseId{}; }
    std::string holder() const { return leased() ? lease_->holder : std::string{}; }
    bool is_controlled() const { return leased() || manual_until_.has_value(); }
    /// When take_expired() will have something to say.
    std::optional<Steady::time_point> next_deadline() const;
    /// "leased by job:01hq… until 2026-02-15T18:27:28.123Z", "set by hand until …", "nobody".
    std::string describe() const;

  private:
    struct Lease {
        LeaseId id;
        std::string holder;
        Steady::time_point expires;
    };
    bool leased() const { return lease_ && lease_->expires > clock_.steady_now(); }
    std::string until_text(Steady::time_point when) const;

    const Clock& clock_;
    std::chrono::milliseconds manual_hold_;
    std::optional<Lease> lease_;
    std::optional<Steady::time_point> manual_until_;
};

}  // namespace labhub::agent::safety
