#include "coordinator/domain/accounts/account.hpp"

#include <algorithm>

#include "shared/base/text.hpp"

namespace labhub::coordinator::accounts {
namespace {

constexpr std::size_t kMostFullName = 200;
constexpr std::size_t kMostEmail = 254;  // RFC 5321, 4.5.3.1.3, without its brackets

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::string_view user_of(std::string_view principal) {
    constexpr std::string_view kPrefix = "user:";
    return principal.starts_with(kPrefix) ? principal.substr(kPrefix.size()) : std::string_view{};
}

Result<void> check_full_name(std::string_view text) {
    if (text.size() <= kMostFullName && is_utf8(text) && !has_control(text)) return {};
    return Error{ErrorCode::malformed, "'" + printable(text, 40) + "' can't be a person's name",
                 "up to 200 bytes of UTF-8 without control characters"};
}

/// Whether mail arrives there only mail can tell; this keeps out what was typed into the wrong field.
Result<void> check_email(std::string_view text) {
    if (text.empty()) return {};
    const auto at = text.rfind('@');
    const bool has_both = at != std::string_view::npos && at > 0 && at + 1 < text.size();
    if (has_both && text.size() <= kMostEmail && is_utf8(text) && !has_control(text) &&
        text.find_first_of(" \t<>,;") == std::string_view::npos)
        return {};
    return Error{ErrorCode::malformed, "'" + printable(text, 60) + "' is not an e-mail address", "as ada@example.org"};
}

}  // namespace labhub::coordinator::accounts
