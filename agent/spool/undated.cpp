#include "agent/spool/undated.hpp"

#include <utility>

namespace labhub::agent::spool {
namespace {

constexpr UtcMillis kEarliest{946'684'800'000};  // 2000-01-01

}  // namespace

bool Undated::is_needed() const { return clock_.utc_now() < kEarliest; }

std::chrono::milliseconds Undated::offset() const {
    const auto steady = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now().time_since_epoch());
    return std::chrono::milliseconds{clock_.utc_now().count} - steady;
}

std::optional<Undated::Held> Undated::hold(Class of, Batch batch) {
    held_.push_back({of, std::move(batch), offset()});
    if (held_.size() <= max_batches_) return std::nullopt;
    std::optional<Held> oldest(std::move(held_.front()));
    held_.pop_front();
    return oldest;
}

std::vector<Undated::Held> Undated::release(std::size_t most) {
    std::vector<Held> released;
    const auto present = offset();
    const bool is_dated = !is_needed();
    while (!held_.empty() && released.size() < most) {
        Held held = std::move(held_.front());
        held_.pop_front();
        for (Reading& reading : held.batch.readings)
            if (is_dated) reading.time = reading.time + (present - held.offset);
        held.batch.clock_unsure = true;
        held.batch.is_late = true;
        released.push_back(std::move(held));
    }
    return released;
}

}  // namespace labhub::agent::spool
