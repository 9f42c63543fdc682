#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace labhub::fuzz {

/// Changes bytes at random, the same way for the same seed on every machine.
class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    /// 0 to `below` - 1; 0 for none.
    std::size_t pick(std::size_t below) { return below == 0 ? 0 : random_() % below; }
    bool one_in(std::size_t n) { return pick(n) == 0; }
    std::uint64_t bits() { return random_(); }
    /// Between one and eight changes: bits, bytes, lengths, pieces cut out, doubled, cut short, taken from `other`.
    std::string change(std::string bytes, const std::string& other);

  private:
    void change_once(std::string& bytes, const std::string& other);

    std::mt19937_64 random_;
};

/// Runs `once` again and again, with a mutator of its own each time, for LABHUB_FUZZ_SECONDS (else 2), or just the turn
/// LABHUB_FUZZ_ONLY names. Stops at the first test failure. What the process dies of is preceded by the turn's number.
void run_turns(const std::function<void(Mutator&)>& once);

}  // namespace labhub::fuzz
