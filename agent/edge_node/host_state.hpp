#pragma once

#include <optional>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::agent::edge_node {

/// What the primary host application says of itself on spBv1.0/STATE/<host> (host-topic-phid-birth-payload). A message
/// older than the last one is ignored (message-flow-edge-node-birth-publish-phid-wait-timestamp).
class HostState {
  public:
    enum class Change { none, came_online, went_offline };

    /// Error malformed when the payload isn't {"online": boolean, "timestamp": number}.
    Result<Change> update(std::string_view payload);
    /// Known to be away. A host that never said anything may be there and of another kind.
    bool is_offline() const { return online_ && !*online_; }

  private:
    std::optional<bool> online_;
    std::int64_t timestamp_ = 0;
};

}  // namespace labhub::agent::edge_node
