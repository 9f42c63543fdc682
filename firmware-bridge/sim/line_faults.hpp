#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "shared/base/clock.hpp"

namespace labhub::firmware_bridge::sim {

/// What can be wrong with the line, on purpose.
struct LineFaultOptions {
    double garbage_rate = 0;  ///< stray bytes put in, per byte that passes; 0 to 1
    double flip_rate = 0;     ///< bytes with one bit turned over, per byte that passes; 0 to 1
    bool is_noisy_to_board = true, is_noisy_to_host = true;  ///< which ways those two are suffered
    std::optional<std::chrono::milliseconds> silent_after;   ///< from the start: no byte passes any more, either way
    std::optional<std::chrono::milliseconds> silent_for;     ///< until so much later; without it, for ever
};

/// Spoils the bytes that pass, the same way for the same seed.
class LineFaults {
  public:
    /// `is_noisy`: whether this way suffers garbage and flips.
    LineFaults(const LineFaultOptions& options, bool is_noisy, unsigned seed, const Clock& clock);

    /// The bytes as they come out at the other end.
    std::span<const std::uint8_t> pass(std::span<const std::uint8_t> bytes);

  private:
    bool is_silent() const;

    LineFaultOptions options_;
    bool is_noisy_;
    const Clock& clock_;
    Steady::time_point started_;
    std::mt19937 random_;
    std::vector<std::uint8_t> spoilt_;
};

}  // namespace labhub::firmware_bridge::sim
