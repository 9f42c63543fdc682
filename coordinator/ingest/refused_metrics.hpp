#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shared/base/ids.hpp"

namespace labhub::coordinator::ingest {

/// A metric of a birth that is not taken. Its name is as printable() shows it, for people.
struct RefusedMetric {
    std::string name;
    std::string why;
};

/// Why a metric of that name is not taken whatever else it says; empty where it is.
std::string why_name_is_refused(std::string_view name);

/// Names each metric of one node that is not taken in the log, once. Bounded: past kMostNamed the log says so, and the
/// counters alone go on. Thread: the ingest's.
class RefusedMetrics {
  public:
    static constexpr std::size_t kMostNamed = 64;

    explicit RefusedMetrics(NodeId node) : node_(std::move(node)) {}

    void note(const std::string& device, const std::vector<RefusedMetric>& refused);

  private:
    NodeId node_;
    std::unordered_set<std::size_t> named_;  ///< hashes, as the names are strangers' and may be long
    bool is_full_told_ = false;
};

}  // namespace labhub::coordinator::ingest
