#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/mirror/topics.hpp"
#include "shared/mqtt/connection.hpp"

namespace labhub::coordinator::mirror {

/// Retained topics that a former run, or a broker with a longer memory, has of what exists no more: read once after
/// each connection and ended where the registry says that there is no such node, device or metric. What can't be told
/// yet, as its node has not been heard, is kept for later. Thread: main. Failure: what could not be read stays until
/// the next connection.
class Leftovers {
  public:
    static constexpr std::size_t kMost = 200'000;

    explicit Leftovers(Topics topics) : topics_(std::move(topics)) {}

    /// Reads the retained topics over a connection of its own, which ends once they have all come.
    Task<void> read(mqtt::ConnectOptions broker);
    /// One that was read. Others than the mirror's own are left alone.
    void add(std::string_view topic);
    /// Looks at some and passes the topics of what is gone to `end`, which returns false to be asked again later.
    void look(const fleet::Fleet& fleet, Steady::time_point now, const std::function<bool(const std::string&)>& end);
    std::size_t size() const { return places_.size(); }

  private:
    enum class Verdict { unknown, present, gone };
    Verdict judge(const Topics::Place& place, const fleet::Fleet& fleet, Steady::time_point now);
    Verdict judge_device(const Topics::Place& place, const fleet::Node& node, Steady::time_point now);

    Topics topics_;
    std::deque<Topics::Place> places_;
    std::map<NodeId, Steady::time_point> online_since_;  ///< nodes of `places_`, when they were first seen online
};

}  // namespace labhub::coordinator::mirror
