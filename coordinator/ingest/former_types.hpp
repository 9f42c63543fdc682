#pragma once

#include <map>
#include <string>
#include <string_view>

#include "coordinator/ingest/events.hpp"
#include "coordinator/ingest/remarks.hpp"
#include "coordinator/ingest/tally.hpp"

namespace labhub::coordinator::ingest {

/// Of which types the metrics of a node's devices were before they died, to notice those that come back with another
/// one. Bounded, for the node in devices and for all nodes together in metrics: a device past it may change its types
/// unnoticed, which harms nothing else. Thread: the ingest's. Tally and remarks must outlive it.
class FormerTypes {
  public:
    FormerTypes(Tally& tally, Remarks& remarks) : tally_(tally), remarks_(remarks) {}
    ~FormerTypes() { clear(); }
    FormerTypes(const FormerTypes&) = delete;
    FormerTypes& operator=(const FormerTypes&) = delete;

    void remember(const DeviceSchema& schema);
    void clear();
    /// Counts, and now and then logs, metrics that are of another type than before; forgets the device.
    void compare(const DeviceSchema& schema);

  private:
    using Types = std::map<std::string, ValueType>;

    Tally& tally_;
    Remarks& remarks_;
    std::map<std::string, Types, std::less<>> devices_;
};

}  // namespace labhub::coordinator::ingest
