#include "agent/safety/control.hpp"

namespace labhub::agent::safety {

std::string Control::until_text(Steady::time_point when) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(when - clock_.steady_now());
    return "until " + to_rfc3339(clock_.utc_now() + left) + " unless renewed";
}

Result<void> Control::check(const LeaseId& lease) const {
    if (!leased()) {
        if (lease.empty()) return {};
        return Error{ErrorCode::conflict, "lease " + lease.value + " is not the device's present lease",
                     "the device isn't leased: the lease ended or ran out"};
    }
    if (lease_->id == lease) return {};
    const std::string who = "leased by " + lease_->holder + " " + until_text(lease_->expires);
    if (lease.empty()) return Error{ErrorCode::conflict, "the device is leased", who};
    return Error{ErrorCode::conflict, "lease " + lease.value + " is not the device's present lease", who};
}

void Control::grant(LeaseId lease, std::string holder, std::chrono::milliseconds ttl) {
    lease_ = Lease{std::move(lease), std::move(holder), clock_.steady_now() + ttl};
    manual_until_.reset();
}

void Control::touch_manual() {
    if (!leased()) manual_until_ = clock_.steady_now() + manual_hold_;
}

std::optional<Control::Ending> Control::take_expired() {
    const auto now = clock_.steady_now();
    if (lease_ && lease_->expires <= now) {
        Ending ending{lease_->id, "the lease of " + lease_->holder + " was not renewed in time"};
        end();
        return ending;
    }
    if (manual_until_ && *manual_until_ <= now) {
        manual_until_.reset();
        return Ending{{}, "the manual hold ran out"};
    }
    return std::nullopt;
}

std::optional<Steady::time_point> Control::next_deadline() const {
    if (lease_) return lease_->expires;
    return manual_until_;
}

std::string Control::describe() const {
    if (leased()) return "leased by " + lease_->holder + " " + until_text(lease_->expires);
    if (manual_until_) return "set by hand, " + until_text(*manual_until_);
    return "nobody";
}

}  // namespace labhub::agent::safety
