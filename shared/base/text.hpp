#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace labhub {

/// The shortest decimal text that reads back to the same double, as people write it: "0.5", "40", "1e-7".
/// `number` must be finite.
std::string format_number(double number);
/// Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms). On false, `*offset` (if given) is
/// the first wrong byte.
bool is_utf8(std::string_view bytes, std::size_t* offset = nullptr);
/// Splits at every `separator`; n separators give n+1 parts, empty ones kept.
std::vector<std::string_view> split(std::string_view text, char separator);
/// Without blanks at both ends.
std::string_view trim(std::string_view text);
/// Every byte that isn't printable ASCII or UTF-8 text as \xNN, cut at `limit` bytes: for showing what a stranger sent.
std::string printable(std::string_view bytes, std::size_t limit = 200);

}  // namespace labhub
