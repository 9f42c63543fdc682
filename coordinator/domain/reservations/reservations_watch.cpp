// What the passing of time does to reservations.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/domain/reservations/reservations.hpp"

namespace labhub::coordinator::reservations {

Task<void> Reservations::look() {
    const UtcMillis now = clock_.utc_now();
    std::vector<ReservationId> over;
    for (const auto& [id, each] : kept_)
        if (each.to <= now) over.push_back(id);
    for (const auto& id : over) forget(id);
    if (!over.empty()) surroundings_.changed();
    for (auto& id : due(now)) co_await look_at(std::move(id));
}

std::vector<ReservationId> Reservations::due(UtcMillis now) const {
    std::vector<ReservationId> ids;
    for (const auto& [id, each] : kept_) {
        const bool is_present = each.holds_at(now);
        if ((is_present && !each.begun) || is_no_show_due(each, now) || !due_reminders(each, now).empty())
            ids.push_back(id);
    }
    return ids;
}

Task<void> Reservations::look_at(ReservationId id) {
    const auto found = kept_.find(id);
    if (found == kept_.end()) co_return;
    const UtcMillis now = clock_.utc_now();
    if (now < found->second.from) co_return co_await remind(std::move(id));
    if (!found->second.begun) co_await begin(id);
    co_await release_unless_used(std::move(id));
}

// --- reminders ------------------------------------------------------------------------------------------------------

/// One that was made, or moved, after the time for a reminder needs none.
std::vector<store::ReminderMark> Reservations::due_reminders(const Reservation& of, UtcMillis now) const {
    std::vector<store::ReminderMark> marks;
    if (now >= of.from || of.begun) return marks;
    const auto done = reminded_.find(of.id);
    for (const auto lead : settings_.reminders) {
        const UtcMillis at = of.from - lead;
        if (now < at || at < of.dated) continue;
        if (done == reminded_.end() || !done->second.contains(lead)) marks.push_back({of.id, of.from, lead});
    }
    return marks;
}

/// Of several that are due, as the hub was away meanwhile, people are told once.
Task<void> Reservations::remind(ReservationId id) {
    const Reservation& of = kept_.at(id);
    const UtcMillis now = clock_.utc_now();
    auto marks = due_reminders(of, now);
    if (marks.empty()) co_return;
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(of.from - now);
    std::string message = of.device.to_string() + " is reserved for " + of.owner + " in " + format_duration(left) +
                          ", from " + to_rfc3339(of.from) + " to " + to_rfc3339(of.to);
    if (!of.note.empty()) message += ": " + of.note;
    auto event = event_of(of, event::kReminder, now, {}, std::move(message));
    std::set<std::chrono::milliseconds>& done = reminded_[id];
    for (const auto& mark : marks) done.insert(mark.lead);
    const UtcMillis from = of.from;
    auto stored = co_await store_.remind(marks, std::move(event), settings_.channels);
    if (stored) co_return surroundings_.wake_notifier();
    // Conflict: it was there already.
    if (stored.error().code == ErrorCode::conflict) co_return;
    spdlog::error("can't store the reminder of reservation {}: {}", id.value, stored.error().to_string());
    const auto again = kept_.find(id);
    if (again == kept_.end() || again->second.from != from) co_return;
    for (const auto& mark : marks) reminded_[id].erase(mark.lead);
}

// --- the begin, and nobody there ------------------------------------------------------------------------------------

/// First the device, then the paper: when the hub dies between them, it is done again, and does nothing to what the
/// owner has set since.
Task<void> Reservations::begin(ReservationId id) {
    Reservation present = kept_.at(id);
    co_await surroundings_.end_manual_hold(std::move(present));
    const auto found = kept_.find(id);
    if (found == kept_.end() || found->second.begun) co_return;
    const UtcMillis now = clock_.utc_now();
    found->second.begun = now;
    auto event = event_of(found->second, event::kBegun, now, {}, "begins: " + describe(found->second));
    std::vector<std::string> nobody;
    auto stored = co_await store_change(found->second, std::move(event), std::move(nobody));
    if (!stored) spdlog::error("can't store the begin of reservation {}: {}", id.value, stored.error().to_string());
}

bool Reservations::is_no_show_due(const Reservation& of, UtcMillis now) const {
    if (settings_.no_show_after.count() == 0 || used_.contains(of.id) || !of.holds_at(now)) return false;
    return now >= std::max({of.from, of.dated, since_}) + settings_.no_show_after;
}

Task<void> Reservations::release_unless_used(ReservationId id) {
    const auto found = kept_.find(id);
    if (found == kept_.end() || !is_no_show_due(found->second, clock_.utc_now())) co_return;
    const Reservation of = found->second;
    auto commands = co_await commands_.of_device(of.device, of.from, clock_.utc_now());
    if (!commands) {
        spdlog::error("can't tell whether {} has come: {}", of.owner, commands.error().to_string());
        co_return;
    }
    const auto again = kept_.find(id);
    if (again == kept_.end() || !is_no_show_due(again->second, clock_.utc_now())) co_return;
    const bool has_commanded = std::any_of(commands->begin(), commands->end(),
                                           [&](const auto& command) { return command.principal == of.owner; });
    if (has_commanded || surroundings_.has_job(again->second)) {
        used_.insert(id);
        co_return;
    }
    Reservation released = again->second;
    released.ended = clock_.utc_now();
    released.end_reason = end_reason::kNoShow;
    forget(id);
    auto event = event_of(released, event::kReleased, *released.ended, {},
                          released.device.to_string() + " is free again: " + released.owner + " did not come within " +
                              format_duration(settings_.no_show_after) + " of " + to_rfc3339(released.from));
    auto stored = co_await store_change(std::move(released), std::move(event), settings_.channels);
    if (!stored) spdlog::error("can't release reservation {}: {}", id.value, stored.error().to_string());
}

Task<void> Reservations::tidy() {
    auto done = co_await store_.forget_before(clock_.utc_now() - settings_.history);
    if (!done) spdlog::error("can't forget old reservations: {}", done.error().to_string());
}

}  // namespace labhub::coordinator::reservations
