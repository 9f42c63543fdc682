#include "coordinator/ingest/refused_metrics.hpp"

#include <functional>
#include <utility>

#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {

std::string why_name_is_refused(std::string_view name) {
    const auto good = check_metric_name(name);
    return good ? std::string() : "its name must be " + good.error().detail;
}

void RefusedMetrics::note(const std::string& device, const std::vector<RefusedMetric>& refused) {
    for (const auto& one : refused) {
        const std::size_t hash = std::hash<std::string>{}(device + "/" + one.name);
        if (named_.contains(hash)) continue;
        if (named_.size() < kMostNamed) {
            named_.insert(hash);
            spdlog::warn("node {}: metric '{}' of device {} is not taken: {}", node_.value, one.name, device, one.why);
        } else if (!std::exchange(is_full_told_, true)) {
            spdlog::warn("node {}: further metrics that are not taken are counted, but not named", node_.value);
        }
    }
}

}  // namespace labhub::coordinator::ingest
