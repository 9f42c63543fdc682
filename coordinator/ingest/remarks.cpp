#include "coordinator/ingest/remarks.hpp"

#include <bit>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::ingest {

std::optional<std::uint64_t> Remarks::note(Oddity oddity, std::uint64_t more) {
    auto& count = counts_[static_cast<std::size_t>(oddity)];
    const auto before = count;
    count += more;
    if (std::bit_width(before) == std::bit_width(count) || !may_log()) return std::nullopt;
    return count;
}

bool Remarks::may_log() {
    if (options_.host_keys.contains(node_)) return true;
    if (!tally_.log_budget.take(clock_.steady_now())) return false;
    if (const auto left_out = tally_.log_budget.take_left_out(); left_out > 0)
        spdlog::warn("ingest: {} lines about nodes that are not enrolled were left out of the log", left_out);
    return true;
}

}  // namespace labhub::coordinator::ingest
