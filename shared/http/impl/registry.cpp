#include "shared/http/impl/registry.hpp"

namespace labhub::http::impl {

bool Registry::make_room(const std::string& tag) {
    const auto found = groups_.find(tag);
    if (found != groups_.end() && found->second->size() >= most_of_a_group_) return evict_from(*found->second);
    return size_ < most_ || evict_one();
}

bool Registry::evict_one() {
    Group* fullest = nullptr;
    for (const auto& [tag, group] : groups_)
        if (!group->waiting.empty() && (!fullest || group->size() > fullest->size())) fullest = group.get();
    return fullest && evict_from(*fullest);
}

bool Registry::evict_from(Group& group) {
    if (group.waiting.empty()) return false;
    ++evicted_;
    const auto oldest = group.waiting.front();
    remove(*oldest);
    return true;
}

void Registry::add(const std::shared_ptr<Connection>& connection, const std::string& tag) {
    auto& group = groups_[tag];
    if (!group) {
        group = std::make_shared<Group>();
        group->tag = tag;
    }
    connection->group_ = group;
    connection->place_ = group->waiting.insert(group->waiting.end(), connection);
    connection->listed_ = true;
    ++size_;
}

void Registry::move(Connection& connection, bool busy) {
    if (!connection.listed_ || connection.busy_ == busy) return;
    Group& group = *connection.group_;
    auto& from = busy ? group.waiting : group.busy;
    auto& to = busy ? group.busy : group.waiting;
    to.splice(to.end(), from, connection.place_);
    connection.busy_ = busy;
}

void Registry::remove(Connection& connection) {
    connection.close();
    if (!connection.listed_) return;
    connection.listed_ = false;
    const auto group = std::move(connection.group_);
    const auto keep = *connection.place_;  // the list may hold the last reference
    (connection.busy_ ? group->busy : group->waiting).erase(connection.place_);
    --size_;
    if (group->size() == 0) groups_.erase(group->tag);
}

void Registry::close_group(const std::string& tag) {
    const auto found = groups_.find(tag);
    if (found == groups_.end()) return;
    const auto group = found->second;
    while (!group->waiting.empty()) remove(*group->waiting.front());
    while (!group->busy.empty()) remove(*group->busy.front());
}

void Registry::close_waiting_and_streaming() {
    const auto groups = groups_;
    for (const auto& [tag, group] : groups) {
        while (!group->waiting.empty()) remove(*group->waiting.front());
        const auto busy = group->busy;
        for (const auto& connection : busy)
            if (connection->streaming) remove(*connection);
    }
}

void Registry::close_all() {
    const auto groups = groups_;
    for (const auto& [tag, group] : groups) close_group(tag);
}

}  // namespace labhub::http::impl
