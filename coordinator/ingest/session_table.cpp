#include "coordinator/ingest/session_table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr std::size_t kMaxNodes = 10'000;   // whoever may publish can make up names
constexpr std::size_t kMaxRoutes = 50'000;  // and devices
constexpr std::size_t kMostRebirthsUnderWay = 100;
constexpr std::chrono::seconds kRebirthTakes{2};  // an answer that takes longer isn't waited for

}  // namespace

NodeSession* SessionTable::session(const std::string& node) {
    const NodeId id{node};
    if (const auto found = sessions_.find(id); found != sessions_.end()) return found->second.get();
    if (!check_name("node id", node) || sessions_.size() >= kMaxNodes) return nullptr;
    auto made = std::make_unique<NodeSession>(id, options_, clock_, sink_, tally_);
    return sessions_.emplace(id, std::move(made)).first->second.get();
}

const SessionTable::Route* SessionTable::route(const std::string& topic) {
    if (const auto known = routes_.find(topic); known != routes_.end()) return &known->second;
    auto parsed = sparkplug::parse_topic(topic);
    NodeSession* const node = parsed && parsed->group == options_.group ? session(parsed->node) : nullptr;
    if (!node) return nullptr;
    if (routes_.size() >= kMaxRoutes) routes_.clear();
    return &routes_.emplace(topic, Route{std::move(*parsed), node}).first->second;
}

void SessionTable::receive(const mqtt::Message& message) {
    ++tally_.messages;
    const Route* const to = route(message.topic);
    if (!to) {
        const auto count = ++tally_.malformed;
        // One line for the 1st, 2nd, 4th, 8th …: a stranger can't flood the log.
        if (std::has_single_bit(count)) spdlog::warn("ignored a message on topic '{}'", printable(message.topic));
        return;
    }
    // Sparkplug never retains births, data and deaths (topics-*-mqtt): a stored one is from another time.
    if (message.retained) {
        ++tally_.refused_retained;
        return;
    }
    to->session->receive(to->topic, message.payload);
}

void SessionTable::tick() {
    for (auto& [id, node] : sessions_) node->tick();
}

void SessionTable::lose_all(const std::string& reason) {
    for (auto& [id, node] : sessions_) node->lose(reason);
}

void SessionTable::request_rebirth(const NodeId& node) {
    if (NodeSession* const found = session(node.value)) found->request_rebirth();
}

std::vector<NodeId> SessionTable::take_rebirth_requests(std::size_t most) {
    std::size_t under_way = 0;
    for (const auto& [id, node] : sessions_) under_way += node->is_rebirth_under_way(kRebirthTakes) ? 1 : 0;
    const std::size_t room = under_way < kMostRebirthsUnderWay ? kMostRebirthsUnderWay - under_way : 0;
    std::vector<NodeId> due;
    auto next = sessions_.upper_bound(asked_last_);
    for (std::size_t looked = 0; looked < sessions_.size() && due.size() < std::min(most, room); ++looked) {
        if (next == sessions_.end()) next = sessions_.begin();
        if (next->second->take_rebirth_request()) due.push_back(next->first);
        ++next;
    }
    if (!due.empty()) asked_last_ = due.back();
    return due;
}

}  // namespace labhub::coordinator::ingest
