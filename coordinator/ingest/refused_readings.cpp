#include "coordinator/ingest/refused_readings.hpp"

#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::ingest {
namespace {

constexpr std::chrono::seconds kTellEvery{1};

}  // namespace

void RefusedReadings::note(const DeviceSchema& schema, const RefusedTimes& refused) {
    if (refused.count == 0) return;
    tally_.refused_times += refused.count;
    last_ = schema.device.device + "/" + schema.metrics[refused.metric].name + " of " + to_rfc3339(refused.time);
    const auto before = std::exchange(count_, count_ + refused.count);
    if (std::bit_width(before) == std::bit_width(count_) || !remarks_.may_log()) return;
    spdlog::warn(
        "node {}: {} readings set aside, as they say times before 2000 or more than a day ahead, the last {}:"
        " look at the node's clock",
        node_.value, count_, last_);
}

std::optional<ReadingsRefused> RefusedReadings::take_news(Steady::time_point now) {
    if (count_ == told_ || (told_at_ && now - *told_at_ < kTellEvery)) return std::nullopt;
    told_ = count_;
    told_at_ = now;
    return ReadingsRefused{node_, count_, last_};
}

}  // namespace labhub::coordinator::ingest
