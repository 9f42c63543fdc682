#include "firmware-bridge/sim/line_faults.hpp"

namespace labhub::firmware_bridge::sim {

LineFaults::LineFaults(const LineFaultOptions& options, bool is_noisy, unsigned seed, const Clock& clock)
    : options_(options),
      is_noisy_(is_noisy && (options.garbage_rate > 0 || options.flip_rate > 0)),
      clock_(clock),
      started_(clock.steady_now()),
      random_(seed) {}

bool LineFaults::is_silent() const {
    if (!options_.silent_after) return false;
    const auto since = clock_.steady_now() - started_;
    if (since < *options_.silent_after) return false;
    return !options_.silent_for || since < *options_.silent_after + *options_.silent_for;
}

std::span<const std::uint8_t> LineFaults::pass(std::span<const std::uint8_t> bytes) {
    if (is_silent()) return {};
    if (!is_noisy_) return bytes;
    std::bernoulli_distribution strays(options_.garbage_rate), flips(options_.flip_rate);
    std::uniform_int_distribution<unsigned> any_byte(0, 255);
    spoilt_.clear();
    for (const auto byte : bytes) {
        if (strays(random_)) spoilt_.push_back(static_cast<std::uint8_t>(any_byte(random_)));
        spoilt_.push_back(flips(random_) ? static_cast<std::uint8_t>(byte ^ (1u << (any_byte(random_) % 8))) : byte);
    }
    return spoilt_;
}

}  // namespace labhub::firmware_bridge::sim
