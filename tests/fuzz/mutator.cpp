#include "tests/fuzz/mutator.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

#include <unistd.h>

namespace labhub::fuzz {
namespace {

volatile std::uint64_t present_turn = 0;

/// May be called from a signal handler.
void say_turn() {
    std::array<char, 64> line{};
    std::size_t at = line.size();
    line[--at] = '\n';
    std::uint64_t number = present_turn;
    do line[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    constexpr std::string_view kText = "\nin the turn LABHUB_FUZZ_ONLY=";
    at -= kText.size();
    std::copy(kText.begin(), kText.end(), line.begin() + static_cast<std::ptrdiff_t>(at));
    static_cast<void>(::write(2, line.data() + at, line.size() - at));
}

void say_and_die(int signal) {
    say_turn();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

std::uint64_t number_in(const char* variable, std::uint64_t fallback) {
    const char* const text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : fallback;
}

}  // namespace

void Mutator::change_once(std::string& bytes, const std::string& other) {
    constexpr std::array<std::uint8_t, 10> kTelling{0x00, 0x01, 0x7F, 0x80, 0xFF, 0x0A, 0x12, 0x2B, 0xC2, 0xFE};
    const std::size_t at = pick(bytes.size() + 1);
    const std::size_t length = std::min(pick(one_in(4) ? 256 : 8) + 1, bytes.size() - at);
    const std::string piece = bytes.substr(at, length);
    switch (pick(9)) {
        case 0:
            if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << pick(8)));
            break;
        case 1:
            if (at < bytes.size()) bytes[at] = static_cast<char>(kTelling[pick(kTelling.size())]);
            break;
        case 2: bytes.insert(at, std::string(pick(16) + 1, static_cast<char>(kTelling[pick(kTelling.size())]))); break;
        case 3: bytes.erase(at, length); break;
        case 4: bytes.insert(pick(bytes.size() + 1), piece); break;
        case 5: bytes.resize(at); break;
        case 6: bytes.insert(at, other, pick(other.size() + 1), pick(128)); break;
        case 7: bytes.insert(at, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", one_in(2) ? 10 : 5); break;
        default: bytes.replace(at, length, other, pick(other.size() + 1), length); break;
    }
}

std::string Mutator::change(std::string bytes, const std::string& other) {
    for (std::size_t left = pick(8) + 1; left > 0; --left) change_once(bytes, other);
    return bytes;
}

void run_turns(const std::function<void(Mutator&)>& once) {
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL}) std::signal(signal, say_and_die);
    const std::uint64_t only = number_in("LABHUB_FUZZ_ONLY", 0);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(number_in("LABHUB_FUZZ_SECONDS", 2));
    std::uint64_t turn = only > 0 ? only : 1;
    for (; !testing::Test::HasFailure(); ++turn) {
        present_turn = turn;
        Mutator mutator(turn);
        SCOPED_TRACE("LABHUB_FUZZ_ONLY=" + std::to_string(turn));
        once(mutator);
        if (only > 0 || std::chrono::steady_clock::now() > until) break;
    }
    testing::Test::RecordProperty("turns", std::to_string(turn));
}

}  // namespace labhub::fuzz

/// AddressSanitizer calls this before it ends the process.
extern "C" void __asan_on_error() { labhub::fuzz::say_turn(); }
