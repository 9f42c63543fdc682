#include "coordinator/mirror/leftovers.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::mirror {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuiet = 2s;     // no more retained ones came for so long: that was all
constexpr auto kLongest = 60s;  // of reading
constexpr std::size_t kLookedAtOnce = 500;
/// A node that has been online for so long has said which devices it has.
constexpr auto kSettled = 10s;

}  // namespace

Task<void> Leftovers::read(mqtt::ConnectOptions broker) {
    places_.clear();
    auto connecting = mqtt::Connection::connect(std::move(broker));
    auto connected = co_await std::move(connecting);
    if (!connected) co_return;
    const auto connection = std::move(*connected);
    std::vector<mqtt::Subscription> all;
    all.push_back({topics_.all_filter(), 0});
    auto subscribing = connection->subscribe(std::move(all));
    auto subscribed = co_await std::move(subscribing);
    if (!subscribed) {
        spdlog::warn("mirror: topics of what is gone stay: {}", subscribed.error().to_string());
        co_return;
    }
    const auto until = Steady::now() + kLongest;
    auto quiet_at = Steady::now() + kQuiet;
    while (Steady::now() < std::min(until, quiet_at) && places_.size() < kMost) {
        auto receiving = connection->receive();
        auto message = co_await within(quiet_at - Steady::now(), "the next topic", std::move(receiving));
        if (!message) break;
        if (!message->retained) continue;
        quiet_at = Steady::now() + kQuiet;
        add(message->topic);
    }
    co_await connection->disconnect();
}

void Leftovers::add(std::string_view topic) {
    if (places_.size() >= kMost) return;
    if (auto place = topics_.parse_place(topic)) places_.push_back(std::move(*place));
}

void Leftovers::look(const fleet::Fleet& fleet, Steady::time_point now,
                     const std::function<bool(const std::string&)>& end) {
    for (std::size_t left = std::min(kLookedAtOnce, places_.size()); left > 0; --left) {
        const Verdict verdict = judge(places_.front(), fleet, now);
        if (verdict == Verdict::gone && !end(places_.front().topic)) return;
        if (verdict == Verdict::unknown) places_.push_back(std::move(places_.front()));
        places_.pop_front();
    }
    if (places_.empty()) online_since_.clear();
}

Leftovers::Verdict Leftovers::judge(const Topics::Place& place, const fleet::Fleet& fleet, Steady::time_point now) {
    const auto node = fleet.nodes().find(place.node);
    if (node == fleet.nodes().end()) return Verdict::gone;
    return place.device.empty() ? Verdict::present : judge_device(place, node->second, now);
}

Leftovers::Verdict Leftovers::judge_device(const Topics::Place& place, const fleet::Node& node,
                                           Steady::time_point now) {
    const auto device = node.devices.find(place.device);
    if (device != node.devices.end()) {
        if (place.metric.empty() || find_metric(device->second.metrics, place.metric)) return Verdict::present;
        return device->second.metrics.empty() ? Verdict::unknown : Verdict::gone;
    }
    if (node.state() != fleet::NodeState::online || !node.link || !node.link->is_connected()) {
        online_since_.erase(node.id);
        return Verdict::unknown;
    }
    const auto since = online_since_.try_emplace(node.id, now).first->second;
    return now - since >= kSettled ? Verdict::gone : Verdict::unknown;
}

}  // namespace labhub::coordinator::mirror
