#include "coordinator/ingest/session_table.hpp"

#include <bit>

#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr std::size_t kMaxNodes = 10'000;  // whoever may publish can make up names

}  // namespace

NodeSession* SessionTable::session(const std::string& node) {
    const NodeId id{node};
    if (const auto found = sessions_.find(id); found != sessions_.end()) return found->second.get();
    if (!check_name("node id", node) || sessions_.size() >= kMaxNodes) return nullptr;
    auto made = std::make_unique<NodeSession>(id, options_, clock_, sink_, tally_);
    return sessions_.emplace(id, std::move(made)).first->second.get();
}

void SessionTable::receive(const mqtt::Message& message) {
    ++tally_.messages;
    const auto topic = sparkplug::parse_topic(message.topic);
    NodeSession* const node = topic && topic->group == options_.group ? session(topic->node) : nullptr;
    if (!node) {
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
    node->receive(*topic, message.payload);
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
    std::vector<NodeId> due;
    for (auto& [id, node] : sessions_) {
        if (due.size() >= most) break;
        if (node->take_rebirth_request()) due.push_back(id);
    }
    return due;
}

}  // namespace labhub::coordinator::ingest
