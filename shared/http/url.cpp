#include "shared/http/url.hpp"

#include <algorithm>
#include <charconv>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "shared/base/text.hpp"

namespace labhub::http {
namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Error bad_url(std::string_view text, std::string why) {
    return Error{ErrorCode::malformed, "'" + printable(text, 100) + "' is not a usable URL: " + std::move(why),
                 "write it as http://host:port"};
}

}  // namespace

std::string Url::to_string() const {
    const bool is_v6 = host.find(':') != std::string::npos;
    return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + path;
}

Result<Url> Url::parse(std::string_view text) {
    const auto parsed = boost::urls::parse_uri(boost::core::string_view(text.data(), text.size()));
    if (!parsed)
        return bad_url(text, text.find("://") == std::string_view::npos ? "it has no scheme" : "its syntax is wrong");
    if (parsed->scheme() != "http")
        return Error{ErrorCode::unsupported,
                     "'" + printable(text, 100) + "': scheme " + std::string(parsed->scheme()) + " is not supported",
                     "write it as http://host:port"};
    if (parsed->host().empty()) return bad_url(text, "it names no host");
    if (parsed->has_query() || parsed->has_fragment() || parsed->has_userinfo())
        return bad_url(text, "it has a user, query or fragment");
    Url url;
    url.host = parsed->host_address();
    if (parsed->has_port()) {
        // Not port_number(), which wraps around above 65535.
        const auto digits = parsed->port();
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
        if (failure != std::errc{} || url.port == 0) return bad_url(text, "its port is not 1 to 65535");
    }
    url.path = std::string(parsed->encoded_path());
    while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
    return url;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (is_unreserved(c))
            encoded += c;
        else
            (encoded += '%') += {kDigits[byte >> 4], kDigits[byte & 15]};
    }
    return encoded;
}

Result<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return Error{ErrorCode::malformed,
                         "'" + printable(text, 100) + "' has a '%' at byte " + std::to_string(i) +
                             " that two hexadecimal digits don't follow",
                         "write a '%' itself as %25"};
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return decoded;
}

std::string encode_query(const Query& query) {
    std::string text;
    for (const auto& [key, value] : query) {
        if (!text.empty()) text += '&';
        text += percent_encode(key) + "=" + percent_encode(value);
    }
    return text;
}

Result<Query> parse_query(std::string_view text) {
    Query query;
    if (text.empty()) return query;
    for (const auto pair : split(text, '&')) {
        if (pair.empty()) continue;
        std::string plain(pair);
        std::replace(plain.begin(), plain.end(), '+', ' ');
        const auto equals = plain.find('=');
        LABHUB_TRY(auto key, percent_decode(std::string_view(plain).substr(0, equals)));
        LABHUB_TRY(auto value,
                   percent_decode(equals == std::string::npos ? "" : std::string_view(plain).substr(equals + 1)));
        query.emplace_back(std::move(key), std::move(value));
    }
    return query;
}

}  // namespace labhub::http
