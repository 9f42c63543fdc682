#include "coordinator/ingest/defects.hpp"

#include <array>
#include <functional>
#include <iterator>
#include <utility>

#include "shared/base/text.hpp"
#include "shared/sparkplug/topics.hpp"

namespace labhub::coordinator::ingest {
namespace {

using Kind = Defect::Kind;

constexpr std::array<int, Defects::kFruitlessBirths> kWaits{0, 6, 60};  // rebirth intervals, by births in vain
constexpr int kForgottenAfter = 120;                                    // rebirth intervals
constexpr std::uint64_t kAllOthers = 0;                                 // the key of what finds no place of its own
constexpr std::size_t kShownName = 80;                                  // bytes

std::uint64_t key_of(Kind kind, std::string_view device, std::string_view name) {
    std::string whole(1, static_cast<char>('a' + static_cast<int>(kind)));
    whole.append(device).append(1, '/').append(name);  // a device's id has no slash
    return std::hash<std::string>{}(whole);
}

}  // namespace

std::string describe(const Defect& defect, std::string_view device) {
    const std::string of = device.empty() ? " of the node itself" : " of device " + std::string(device);
    const std::string metric = "metric '" + printable(defect.name, kShownName) + "'" + of;
    switch (defect.kind) {
        case Kind::unknown_metric: return metric + ", which its birth does not name";
        case Kind::changed_type: return "values of " + metric + " that are of another type than its birth says";
        case Kind::unreadable_metric: return metric + ", whose bytes can't be read";
        case Kind::unborn_device: return "data" + of + ", which was not born";
        case Kind::unreadable_message: return defect.name + of + " that can't be taken";
    }
    return metric;
}

std::string_view remedy(const Defect& defect) {
    switch (defect.kind) {
        case Kind::unknown_metric: return "a birth must name every metric that will come";
        case Kind::changed_type: return "a metric keeps the type of its birth";
        case Kind::unborn_device: return "a DBIRTH must come before a device's data";
        case Kind::unreadable_metric:
        case Kind::unreadable_message: break;
    }
    return "a message must be a Sparkplug B payload within the limits of the MQTT guide";
}

Defects::~Defects() {
    for (auto place = entries_.begin(); place != entries_.end();) place = forget(place);
}

Defects::Finding Defects::found(const Defect& defect, std::string_view device, Steady::time_point now) {
    Entry& entry = entry_of(key_of(defect.kind, device, defect.name));
    entry.seen_at = now;
    if (entry.is_given_up) return {true, false, {}};
    if (entry.birth == births_) return {false, false, entry.ask_at};
    const bool is_first = entry.birth == 0;
    entry.birth = births_;
    entry.type = defect.type;
    entry.fruitless += is_first ? 0 : 1;
    if (entry.fruitless >= kFruitlessBirths) {
        entry.is_given_up = true;
        ++tally_.given_up;
        return {true, true, {}};
    }
    entry.ask_at = now + interval_ * kWaits[static_cast<std::size_t>(entry.fruitless)];
    return {false, is_first, entry.ask_at};
}

Defects::Entry& Defects::entry_of(std::uint64_t key) {
    if (const auto known = entries_.find(key); known != entries_.end()) return known->second;
    const bool has_room = entries_.size() < kMostOfANode && tally_.defects < kMostOfAll;
    const auto [place, is_new] = entries_.try_emplace(has_room ? key : kAllOthers);
    tally_.defects += is_new ? 1 : 0;
    return place->second;
}

std::size_t Defects::mend(std::string_view device, const sparkplug::Payload& birth) {
    if (entries_.empty()) return 0;
    std::size_t mended = 0;
    const auto look = [&](Kind kind, std::string_view name) { return entries_.find(key_of(kind, device, name)); };
    for (const auto& metric : birth.metrics) {
        mended += mend(look(Kind::unknown_metric, metric.name)) ? 1 : 0;
        if (metric.alias) mended += mend(look(Kind::unknown_metric, "alias " + std::to_string(*metric.alias))) ? 1 : 0;
        const auto retyped = look(Kind::changed_type, metric.name);
        if (retyped != entries_.end() && metric.datatype && retyped->second.type &&
            sparkplug::value_type(*metric.datatype) == retyped->second.type)
            mended += mend(retyped) ? 1 : 0;
    }
    mended += mend(look(Kind::unborn_device, "")) ? 1 : 0;
    const auto type = device.empty() ? sparkplug::MessageType::nbirth : sparkplug::MessageType::dbirth;
    mended += mend(look(Kind::unreadable_message, to_string(type))) ? 1 : 0;
    return mended;
}

bool Defects::mend(Entries::iterator place) {
    if (place == entries_.end()) return false;
    Entry& entry = place->second;
    // Not forgotten: what births mend and break in turn is asked for at the longest wait only.
    entry.fruitless = std::exchange(entry.was_mended, true) ? kFruitlessBirths - 2 : 0;
    entry.birth = births_ - 1;
    if (!entry.is_given_up) return false;
    entry.is_given_up = false;
    --tally_.given_up;
    return true;
}

Defects::Entries::iterator Defects::forget(Entries::iterator place) {
    tally_.given_up -= place->second.is_given_up ? 1 : 0;
    --tally_.defects;
    return entries_.erase(place);
}

void Defects::forget_old(Steady::time_point now) {
    if (entries_.empty() || now - looked_at_ < interval_) return;
    looked_at_ = now;
    for (auto place = entries_.begin(); place != entries_.end();)
        place = now - place->second.seen_at >= interval_ * kForgottenAfter ? forget(place) : std::next(place);
}

}  // namespace labhub::coordinator::ingest
