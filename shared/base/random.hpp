#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace labhub {

/// Fills with bytes from the kernel's generator (getrandom(2)); fit for keys and tokens.
void fill_random(std::span<std::byte> bytes);
/// `bytes` random bytes as lower-case hexadecimal, for tokens.
std::string random_hex(std::size_t bytes);
/// Uniform in [0, 1), for jitter; not for secrets.
double random_fraction();

}  // namespace labhub
