#include "coordinator/domain/leases/leases.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::leases {

void Leases::restore(std::vector<Lease> open) {
    for (auto& lease : open) {
        lease.is_granted = true;  // it may have been
        leases_[lease.device] = std::move(lease);
    }
}

const Lease* Leases::find(const DeviceAddress& device) const {
    const auto found = leases_.find(device);
    return found == leases_.end() ? nullptr : &found->second;
}

const Lease* Leases::find(const LeaseId& id) const {
    for (const auto& [device, lease] : leases_)
        if (lease.id == id) return &lease;
    return nullptr;
}

Lease* Leases::find(const LeaseId& id) { return const_cast<Lease*>(std::as_const(*this).find(id)); }

Result<void> Leases::check_free(const DeviceAddress& device) const {
    const Lease* const lease = find(device);
    if (!lease) {
        const auto node = fleet_.nodes().find(device.node);
        if (node == fleet_.nodes().end() || !node->second.is_leaving) return {};
        return Error{ErrorCode::unavailable, "node " + device.node.value + " is not in the list of nodes any more",
                     "it is let go as soon as its devices are free"};
    }
    return Error{ErrorCode::conflict, device.to_string() + " is leased by " + lease->holder,
                 "until " + to_rfc3339(lease->expires) + " at the latest"};
}

Result<Lease> Leases::reserve(const DeviceAddress& device, std::string holder, std::chrono::milliseconds duration) {
    LABHUB_CHECK(check_free(device));
    Lease lease;
    lease.id = LeaseId{new_id()};
    lease.device = device;
    lease.holder = std::move(holder);
    lease.granted = clock_.utc_now();
    lease.expires = lease.granted + duration;
    leases_[device] = lease;
    return lease;
}

void Leases::forget(const LeaseId& id) {
    std::erase_if(leases_, [&](const auto& entry) { return entry.second.id == id; });
}

Task<Result<void>> Leases::grant(LeaseId id) {
    const Lease* const found = find(id);
    if (!found) {
        Error gone{ErrorCode::not_found, "the lease has ended"};
        co_return gone;
    }
    const Lease lease = *found;
    auto link = fleet_.reach(lease.device);
    if (!link) co_return std::move(link).error();
    auto granted = co_await (*link)->lease(lease.device.device, lease.id, lease.holder, time_to_live_, false);
    if (Lease* const known = find(id); known && granted) known->is_granted = true;
    co_return granted;
}

Task<void> Leases::set_time(LeaseId id, std::chrono::milliseconds time) {
    Lease* const found = find(id);
    if (!found || found->is_ending || found->ended || found->expires == found->granted + time) co_return;
    found->expires = found->granted + time;
    Lease lease = *found;
    auto stored = co_await store_.update_lease(std::move(lease));
    if (!stored) spdlog::error("can't store when the lease of {} expires: {}", id.value, stored.error().to_string());
}

Task<Result<void>> Leases::release(LeaseId id, std::string reason) {
    Lease* const found = find(id);
    if (!found) co_return Result<void>{};
    found->is_ending = true;
    Lease lease = *found;
    auto link = fleet_.reach(lease.device);
    if (link) {
        auto ended =
            co_await (*link)->lease(lease.device.device, lease.id, lease.holder, std::chrono::milliseconds{0}, false);
        if (!ended && ended.error().code != ErrorCode::not_found)
            spdlog::warn("the node of {} did not confirm the end of its lease ({}): its dead-man will make it safe",
                         lease.device.to_string(), ended.error().to_string());
    }
    lease.ended = clock_.utc_now();
    lease.end_reason = reason;
    spdlog::info("lease of {} by {} ended: {}", lease.device.to_string(), lease.holder, reason);
    co_return co_await store_end(std::move(lease));
}

/// A lease whose end isn't stored stays in the table: the database would not take another one of the device.
Task<Result<void>> Leases::store_end(Lease lease) {
    auto stored = co_await store_.update_lease(lease);
    if (stored)
        forget(lease.id);
    else if (Lease* const kept = find(lease.id))
        *kept = std::move(lease);
    co_return stored;
}

Task<void> Leases::renew_all() {
    std::vector<LeaseId> ids;
    for (const auto& [device, lease] : leases_) ids.push_back(lease.id);
    for (auto& id : ids) co_await renew(id);
}

Task<void> Leases::renew(LeaseId id) {
    const Lease* const found = find(id);
    if (!found) co_return;
    const Lease lease = *found;
    if (lease.ended) {
        (void)co_await store_end(lease);
        co_return;
    }
    if (!lease.is_granted || lease.is_ending) co_return;
    if (clock_.utc_now() > lease.expires) {
        Error expired{ErrorCode::timed_out, "the lease has expired"};
        if (on_lost) on_lost(lease, expired);
        co_return;
    }
    auto link = fleet_.reach(lease.device);
    if (!link) co_return;  // the engine's watch over lost nodes decides
    auto renewed = co_await (*link)->lease(lease.device.device, lease.id, lease.holder, time_to_live_, true);
    const bool is_unknown =
        !renewed && (renewed.error().code == ErrorCode::not_found || renewed.error().code == ErrorCode::conflict);
    const Lease* const now = find(id);
    if (is_unknown && now && !now->is_ending && on_lost) on_lost(lease, renewed.error());
}

}  // namespace labhub::coordinator::leases
