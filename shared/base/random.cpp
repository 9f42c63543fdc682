#include "shared/base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <random>
#include <vector>

namespace labhub {

void fill_random(std::span<std::byte> bytes) {
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) std::abort();  // the kernel has had this call since 3.17; without it no key is safe
        filled += static_cast<std::size_t>(got);
    }
}

std::string random_hex(std::size_t bytes) {
    std::vector<std::byte> raw(bytes);
    fill_random(raw);
    std::string text;
    text.reserve(bytes * 2);
    constexpr char kDigits[] = "0123456789abcdef";
    for (const std::byte b : raw) {
        text += kDigits[std::to_integer<unsigned>(b) >> 4];
        text += kDigits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
}

double random_fraction() {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
}

}  // namespace labhub
