#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "shared/http/impl/connection.hpp"

namespace labhub::http::impl {

/// All connections that came in by listeners of one tag.
struct Group {
    std::string tag;
    std::list<std::shared_ptr<Connection>> waiting;  ///< have not sent a complete request; longest silent first
    std::list<std::shared_ptr<Connection>> busy;     ///< a request is being answered

    std::size_t size() const { return waiting.size() + busy.size(); }
};

/// Who is connected, and who has to leave when it gets full. Bookkeeping only; used from the server's executor.
class Registry {
  public:
    Registry(std::size_t most, std::size_t most_of_a_group) : most_(most), most_of_a_group_(most_of_a_group) {}

    /// Makes room for one connection of `tag`, by closing a silent one of the same tag, or of the fullest. False: all
    /// are busy.
    bool make_room(const std::string& tag);
    /// Closes the connection that has been silent longest in the fullest group that has one.
    bool evict_one();
    /// Counts the connection in, as waiting.
    void add(const std::shared_ptr<Connection>& connection, const std::string& tag);
    void mark_busy(Connection& connection) { move(connection, true); }
    void mark_waiting(Connection& connection) { move(connection, false); }
    /// Counts it out and closes it; nothing if it is out already.
    void remove(Connection& connection);

    void close_group(const std::string& tag);
    void close_waiting_and_streaming();
    void close_all();

    std::size_t size() const { return size_; }
    std::size_t evicted() const { return evicted_; }

  private:
    bool evict_from(Group& group);
    void move(Connection& connection, bool busy);

    std::size_t most_, most_of_a_group_;
    std::size_t size_ = 0;
    std::size_t evicted_ = 0;
    std::map<std::string, std::shared_ptr<Group>> groups_;
};

}  // namespace labhub::http::impl
