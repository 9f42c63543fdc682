#include "coordinator/ingest/session_table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr std::size_t kMaxNodes = 10'000;  // whoever may publish can make up names
constexpr std::size_t kForgottenAtOnce = 100;
constexpr std::size_t kMaxRoutes = 50'000;  // and devices
constexpr std::size_t kMostNamed = 64;      // topics that are none of ours, in the log
constexpr std::size_t kMostRebirthsUnderWay = 100;
constexpr std::chrono::seconds kRebirthTakes{2};  // an answer that takes longer isn't waited for

}  // namespace

NodeSession* SessionTable::session(const std::string& node) {
    const NodeId id{node};
    if (const auto found = sessions_.find(id); found != sessions_.end()) return found->second.get();
    if (!check_address_id("node id", node)) return nullptr;
    if (sessions_.size() >= kMaxNodes) make_room();
    if (sessions_.size() >= kMaxNodes && !options_.host_keys.contains(id)) return nullptr;
    auto made = std::make_unique<NodeSession>(id, options_, clock_, sink_, tally_);
    return sessions_.emplace(id, std::move(made)).first->second.get();
}

void SessionTable::make_room() {
    std::vector<NodeSession*> strangers;
    for (const auto& [id, session] : sessions_)
        if (!session->is_enrolled()) strangers.push_back(session.get());
    const auto count = std::min(kForgottenAtOnce, strangers.size());
    if (count == 0) return;
    const auto goes_first = [](const NodeSession* one, const NodeSession* other) {
        return std::make_pair(one->is_born(), one->last_heard()) <
               std::make_pair(other->is_born(), other->last_heard());
    };
    const auto end = strangers.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(strangers.begin(), end - 1, strangers.end(), goes_first);
    routes_.clear();
    for (auto each = strangers.begin(); each != end; ++each) {
        (*each)->lose("not enrolled and silent, while too many others speak");
        const NodeId id = (*each)->id();
        sessions_.erase(id);
    }
    const auto before = tally_.forgotten_nodes.fetch_add(count);
    if (std::bit_width(before) != std::bit_width(before + count))
        spdlog::warn(
            "ingest: more than {} nodes speak; those that are not enrolled and were silent for longest are"
            " forgotten ({} so far): let the broker's access rules say who may publish",
            kMaxNodes, before + count);
}

const SessionTable::Route* SessionTable::route(const std::string& topic) {
    if (const auto known = routes_.find(topic); known != routes_.end()) return &known->second;
    auto parsed = sparkplug::parse_topic(topic);
    NodeSession* const node = parsed && parsed->group == options_.group ? session(parsed->node) : nullptr;
    if (!node) {
        note_refused(topic, parsed ? check_address_id("node id", parsed->node) : Result<void>(parsed.error()));
        return nullptr;
    }
    if (routes_.size() >= kMaxRoutes) routes_.clear();
    return &routes_.emplace(topic, Route{std::move(*parsed), node}).first->second;
}

/// Each topic once while there are few, and then the 64th, 128th, 256th … message: a stranger can't flood the log.
void SessionTable::note_refused(const std::string& topic, const Result<void>& name) {
    const auto count = ++tally_.malformed;
    if (!refused_.contains(topic)) {
        if (refused_.size() < kMostNamed)
            refused_.insert(topic);
        else if (!std::has_single_bit(count))
            return;
        spdlog::warn("ignored a message on topic '{}'{}", printable(topic),
                     name ? "" : ": " + name.error().to_string());
    }
}

void SessionTable::receive(const mqtt::Message& message) {
    ++tally_.messages;
    const Route* const to = route(message.topic);
    if (!to) return;
    // Sparkplug never retains births, data and deaths (topics-*-mqtt): a stored one is from another time.
    if (message.retained) return to->session->refuse_retained(to->topic);
    to->session->receive(to->topic, message.payload);
}

void SessionTable::tick() {
    for (auto& [id, node] : sessions_) node->tick();
}

void SessionTable::lose_all(const std::string& reason) {
    for (auto& [id, node] : sessions_) node->lose(reason);
}

void SessionTable::begin_anew(const NodeId& node, const std::string& reason) {
    NodeSession* const found = session(node.value);
    if (!found) return;
    found->lose(reason);
    found->request_rebirth();
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
