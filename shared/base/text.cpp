#include "shared/base/text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace labhub {

std::string format_number(double number) {
    std::array<char, 64> text{};
    const double magnitude = std::abs(number);
    const bool plain = magnitude == 0 || (magnitude >= 1e-5 && magnitude < 1e15);
    const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), number, format);
    return std::string(text.data(), result.ptr);
}

namespace {

/// Length of the valid UTF-8 sequence at `at`, or 0.
std::size_t sequence_length(std::string_view bytes, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const std::uint8_t first = byte(at);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                               : (first & 0xF0) == 0xE0         ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || at + length > bytes.size()) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    const std::uint8_t second = byte(at + 1);
    if (first == 0xE0 && second < 0xA0) return 0;  // overlong
    if (first == 0xED && second > 0x9F) return 0;  // surrogates
    if (first == 0xF0 && second < 0x90) return 0;  // overlong
    if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
    return length;
}

}  // namespace

bool is_utf8(std::string_view bytes, std::size_t* offset) {
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = sequence_length(bytes, at);
        if (length == 0) {
            if (offset) *offset = at;
            return false;
        }
        at += length;
    }
    return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string printable(std::string_view bytes, std::size_t limit) {
    std::string shown;
    std::size_t at = 0;
    while (at < bytes.size() && shown.size() < limit) {
        const std::size_t length = sequence_length(bytes, at);
        const auto first = static_cast<std::uint8_t>(bytes[at]);
        // The two-byte control characters too: a terminal takes U+009B for the beginning of an escape sequence.
        const bool is_control = first < 0x20 || first == 0x7F ||
                                (length == 2 && first == 0xC2 && static_cast<std::uint8_t>(bytes[at + 1]) < 0xA0);
        if (length > 0 && !is_control) {
            shown += bytes.substr(at, length);
            at += length;
            continue;
        }
        std::array<char, 5> escaped{};
        std::snprintf(escaped.data(), escaped.size(), "\\x%02x", first);
        shown += escaped.data();
        ++at;
    }
    if (at < bytes.size()) shown += "…";
    return shown;
}

}  // namespace labhub
