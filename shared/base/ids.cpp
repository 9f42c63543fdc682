#include "shared/base/ids.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "shared/base/random.hpp"
#include "shared/base/text.hpp"

namespace labhub {
namespace {

constexpr std::size_t kMaxNameLength = 64;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// UTF-8 without the control characters of Unicode (category Cc), of which U+0080 to U+009F are two bytes.
bool is_plain_text(std::string_view text) {
    if (!is_utf8(text) || std::any_of(text.begin(), text.end(), is_control)) return false;
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
        if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
    return true;
}

bool is_foreign_name(std::string_view text) {
    return !text.empty() && text.size() <= kMaxForeignName && is_plain_text(text);
}

Error bad_name(std::string_view what, std::string_view text, std::string rule) {
    return Error{ErrorCode::malformed,
                 std::string(what) + " '" + printable(text, kMaxNameLength) + "' is not a valid name", std::move(rule)};
}

}  // namespace

Result<void> check_name(std::string_view what, std::string_view text) {
    const std::string rule = "1 to 64 of letters, digits, '_', '-' and '.', not beginning with '.' or '-'";
    const bool good = !text.empty() && text.size() <= kMaxNameLength && text[0] != '.' && text[0] != '-' &&
                      std::all_of(text.begin(), text.end(), is_name_character);
    if (good) return {};
    std::string shown(text.substr(0, kMaxNameLength));
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    return Error{ErrorCode::malformed, std::string(what) + " '" + shown + "' is not a valid name", rule};
}

Result<void> check_address_id(std::string_view what, std::string_view text) {
    const bool good = is_foreign_name(text) && text.find_first_of("+/#") == std::string_view::npos &&
                      std::string_view(".-$ ").find(text.front()) == std::string_view::npos && text.back() != ' ';
    if (good) return {};
    return bad_name(what, text,
                    "1 to 128 bytes of UTF-8 without + / # and control characters, not beginning with . - or $, and "
                    "without a blank at its ends");
}

Result<void> check_metric_name(std::string_view text) {
    if (is_foreign_name(text)) return {};
    return bad_name("metric", text, "1 to 128 bytes of UTF-8 without control characters");
}

Result<DeviceAddress> DeviceAddress::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        return Error{ErrorCode::malformed, "device '" + std::string(text.substr(0, 64)) + "' names no node",
                     "write it node/device, as in sim-1/vessel"};
    LABHUB_CHECK(check_address_id("node id", text.substr(0, slash)));
    LABHUB_CHECK(check_address_id("device id", text.substr(slash + 1)));
    return DeviceAddress{NodeId{std::string(text.substr(0, slash))}, std::string(text.substr(slash + 1))};
}

std::string new_id() {
    constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford base 32
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    auto time = static_cast<std::uint64_t>(now.count());
    std::string id(26, '0');
    for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = kAlphabet[time & 31];
    std::array<std::byte, 16> noise{};
    fill_random(noise);
    for (std::size_t i = 0; i < noise.size(); ++i) id[10 + i] = kAlphabet[std::to_integer<unsigned>(noise[i]) & 31];
    return id;
}

}  // namespace labhub
