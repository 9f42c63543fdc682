#include "coordinator/domain/reservations/reservations.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::reservations {
namespace {

/// "Now" was a moment ago when it arrives here.
constexpr std::chrono::minutes kLateBy{1};
constexpr std::size_t kMostKept = 10'000;

std::string span_of(const Reservation& reservation) {
    return "from " + to_rfc3339(reservation.from) + " to " + to_rfc3339(reservation.to);
}

Error is_over(const Reservation& reservation, UtcMillis now) {
    return {ErrorCode::conflict, "reservation " + reservation.id.value + " can't be changed any more",
            "it is " + std::string(state_of(reservation, now))};
}

}  // namespace

Reservations::Reservations(Settings settings, store::ReservationStore& store, store::CommandStore& commands,
                           const fleet::Fleet& fleet, const Clock& clock, Surroundings surroundings)
    : settings_(std::move(settings)),
      store_(store),
      commands_(commands),
      fleet_(fleet),
      clock_(clock),
      surroundings_(std::move(surroundings)) {}

Task<Result<void>> Reservations::start() {
    since_ = clock_.utc_now();
    auto kept = co_await store_.load_kept(since_);
    if (!kept) co_return std::move(kept).error();
    for (auto& each : *kept) {
        const ReservationId id = each.id;
        kept_[id] = std::move(each);
    }
    auto marks = co_await store_.load_marks();
    if (!marks) co_return std::move(marks).error();
    for (const auto& mark : *marks) {
        const auto found = kept_.find(mark.reservation);
        if (found != kept_.end() && found->second.from == mark.from) reminded_[mark.reservation].insert(mark.lead);
    }
    co_return Result<void>{};
}

// --- what may be ----------------------------------------------------------------------------------------------------

Result<void> Reservations::check_span(const Wish& wish, UtcMillis now) const {
    const auto length = wish.to - wish.from;
    if (length.count() <= 0)
        return Error{ErrorCode::out_of_range, "a reservation ends after its begin",
                     "from is " + to_rfc3339(wish.from) + ", to is " + to_rfc3339(wish.to)};
    if (length < settings_.shortest || length > settings_.longest)
        return Error{ErrorCode::out_of_range, "a reservation can't be " + format_duration(length) + " long",
                     "allowed: " + format_duration(settings_.shortest) + " to " + format_duration(settings_.longest)};
    if (wish.to > now + settings_.furthest)
        return Error{ErrorCode::out_of_range, "a reservation to " + to_rfc3339(wish.to) + " is too far ahead",
                     "at most " + format_duration(settings_.furthest) + " from now"};
    return {};
}

Result<void> Reservations::check_owner(const std::string& owner) const {
    const auto own = std::count_if(kept_.begin(), kept_.end(), [&](const auto& e) { return e.second.owner == owner; });
    if (static_cast<std::size_t>(own) >= settings_.most_of_one)
        return Error{ErrorCode::too_many, owner + " has " + std::to_string(own) + " reservations planned",
                     "at most " + std::to_string(settings_.most_of_one) + " at one time"};
    if (kept_.size() < kMostKept) return {};
    return Error{ErrorCode::too_many, "the calendar is full",
                 "at most " + std::to_string(kMostKept) + " reservations are planned at one time"};
}

std::vector<const Reservation*> Reservations::of_device(const DeviceAddress& device,
                                                        const ReservationId& except) const {
    std::vector<const Reservation*> all;
    for (const auto& [id, each] : kept_)
        if (each.device == device && id != except) all.push_back(&each);
    std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->from < b->from; });
    return all;
}

Result<void> Reservations::check_free(const Wish& wish, const ReservationId& self, UtcMillis now) const {
    for (const Reservation* const other : of_device(wish.device, self))
        if (other->overlaps(wish.from, wish.to))
            return Error{ErrorCode::conflict, describe(*other), next_free(wish, self, now)};
    const auto hold = surroundings_.held_by_another(wish.device, wish.owner);
    const bool has_begun = kept_.contains(self) && kept_.at(self).from <= now;
    if (!hold || has_begun || hold->until <= wish.from) return {};
    return Error{
        ErrorCode::conflict,
        wish.device.to_string() + " is held by " + hold->who + " until " + to_rfc3339(hold->until) + " at the latest",
        next_free(wish, self, now)};
}

/// "free for 2h from …": the first place from the wished one on.
std::string Reservations::next_free(const Wish& wish, const ReservationId& self, UtcMillis now) const {
    const auto length = wish.to - wish.from;
    UtcMillis begin = wish.from;
    if (const auto hold = surroundings_.held_by_another(wish.device, wish.owner)) begin = std::max(begin, hold->until);
    for (const Reservation* const other : of_device(wish.device, self))
        if (other->overlaps(begin, begin + length)) begin = other->to;
    if (begin + length > now + settings_.furthest) return "there is no place for so long after it";
    return "free for " + format_duration(length) + " from " + to_rfc3339(begin);
}

// --- making and changing --------------------------------------------------------------------------------------------

Task<Result<Reservation>> Reservations::make(Wish wish) {
    const UtcMillis now = clock_.utc_now();
    const auto known = fleet_.device(wish.device);
    if (!known && known.error().code == ErrorCode::not_found) co_return known.error();
    if (wish.from < now - kLateBy) {
        Error past{ErrorCode::out_of_range, "a reservation can't begin in the past, at " + to_rfc3339(wish.from),
                   "it is " + to_rfc3339(now)};
        co_return past;
    }
    wish.from = std::max(wish.from, now);
    auto good = check_span(wish, now);
    if (good) good = check_owner(wish.owner);
    if (good) good = check_free(wish, {}, now);
    if (!good) co_return std::move(good).error();
    Reservation made;
    made.id = ReservationId{new_id()};
    made.device = std::move(wish.device);
    made.owner = std::move(wish.owner);
    made.from = wish.from;
    made.to = wish.to;
    made.note = std::move(wish.note);
    made.made = made.dated = now;
    kept_[made.id] = made;  // excludes others from now on
    auto event = event_of(made, event::kMade, now, made.owner, describe(made));
    auto stored = co_await store_.insert(made, std::move(event));
    if (!stored) {
        forget(made.id);
        co_return std::move(stored).error();
    }
    spdlog::info("{}", describe(made));
    surroundings_.changed();
    co_return made;
}

Result<Reservation> Reservations::changed(const Reservation& present, const Change& change, UtcMillis now) const {
    Reservation after = present;
    if (change.from && *change.from != present.from) {
        if (present.from <= now)
            return Error{ErrorCode::conflict, "reservation " + present.id.value + " has begun already",
                         "its end and its note can still be changed"};
        if (*change.from < now - kLateBy)
            return Error{ErrorCode::out_of_range,
                         "a reservation can't begin in the past, at " + to_rfc3339(*change.from),
                         "it is " + to_rfc3339(now)};
        after.from = std::max(*change.from, now);
        after.dated = now;
    }
    if (change.note) after.note = *change.note;
    if (change.to) after.to = *change.to;
    if (after.to <= now)
        return Error{ErrorCode::out_of_range, "a reservation can't end in the past, at " + to_rfc3339(after.to),
                     "to end it now, delete it"};
    const Wish wish{after.device, after.owner, after.from, after.to, {}};
    if (after.from != present.from || after.to != present.to) {
        LABHUB_CHECK(check_span(wish, now));
        LABHUB_CHECK(check_free(wish, after.id, now));
    }
    return after;
}

Task<Result<const Reservation*>> Reservations::find_kept(ReservationId id) {
    const UtcMillis now = clock_.utc_now();
    const auto found = kept_.find(id);
    if (found != kept_.end() && now < found->second.to) co_return &found->second;
    auto stored = co_await store_.find(std::move(id));
    if (!stored) co_return std::move(stored).error();
    co_return is_over(*stored, now);
}

Task<Result<Reservation>> Reservations::change(ReservationId id, Change change, std::string who) {
    auto present = co_await find_kept(id);
    if (!present) co_return std::move(present).error();
    const UtcMillis now = clock_.utc_now();
    auto after = changed(**present, change, now);
    if (!after) co_return std::move(after).error();
    const bool is_moved = after->from != (*present)->from;
    kept_[id] = *after;
    if (is_moved) reminded_.erase(id);
    auto event = event_of(*after, event::kChanged, now, std::move(who), describe(*after));
    std::vector<std::string> nobody;
    auto stored = co_await store_change(*after, std::move(event), std::move(nobody));
    if (!stored) co_return std::move(stored).error();
    co_return std::move(*after);
}

Task<Result<void>> Reservations::cancel(ReservationId id, std::string who) {
    auto present = co_await find_kept(id);
    if (!present) co_return std::move(present).error();
    Reservation ended = **present;
    ended.ended = clock_.utc_now();
    ended.end_reason = end_reason::kCancelled;
    forget(id);
    auto event = event_of(ended, event::kCancelled, *ended.ended, who, "cancelled by " + who);
    std::vector<std::string> nobody;
    co_return co_await store_change(std::move(ended), std::move(event), std::move(nobody));
}

/// `changed` is in kept_ already, or gone from there.
Task<Result<void>> Reservations::store_change(Reservation changed, Event event, std::vector<std::string> channels) {
    const bool is_told = !channels.empty();
    const ReservationId id = changed.id;
    const std::string what = event.kind + " " + span_of(changed);
    auto stored = co_await store_.update(std::move(changed), std::move(event), std::move(channels));
    if (!stored) {
        co_await read_again(id);
        co_return stored;
    }
    spdlog::info("reservation {}: {}", id.value, what);
    if (is_told) surroundings_.wake_notifier();
    surroundings_.changed();
    co_return stored;
}

Task<void> Reservations::read_again(ReservationId id) {
    auto stored = co_await store_.find(id);
    if (stored && !stored->ended)
        kept_[id] = std::move(*stored);
    else if (stored || stored.error().code == ErrorCode::not_found)
        forget(id);
    else
        spdlog::error("reservation {} can't be read again: {}", id.value, stored.error().to_string());
}

void Reservations::forget(const ReservationId& id) {
    kept_.erase(id);
    reminded_.erase(id);
    used_.erase(id);
}

// --- looking --------------------------------------------------------------------------------------------------------

const Reservation* Reservations::at(const DeviceAddress& device, UtcMillis time) const {
    for (const auto& [id, each] : kept_)
        if (each.device == device && each.holds_at(time)) return &each;
    return nullptr;
}

Result<void> Reservations::check_may_use(const DeviceAddress& device, const std::string& principal) const {
    const Reservation* const present = at(device, clock_.utc_now());
    if (!present || present->owner == principal) return {};
    std::string which = "reservation " + present->id.value;
    if (!present->note.empty()) which += ": " + present->note;
    return Error{ErrorCode::conflict,
                 device.to_string() + " is reserved for " + present->owner + " until " + to_rfc3339(present->to),
                 which + "; hold, which makes it safe, works for everybody"};
}

}  // namespace labhub::coordinator::reservations
