#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::http {

/// Where a hub is: "http://host:port" with an optional path before all targets.
struct Url {
    std::string host;  ///< a name, an IPv4 address, or an IPv6 address without brackets
    std::uint16_t port = 80;
    std::string path;  ///< "" or "/hub": never ends with '/'

    /// "http://host:port/path", port always shown.
    std::string to_string() const;
    /// Errors: malformed (what is wrong), unsupported (a scheme other than http).
    static Result<Url> parse(std::string_view text);
};

using Query = std::vector<std::pair<std::string, std::string>>;

/// Every byte but the unreserved ones of RFC 3986 as %XX: fit for one path segment or query value.
std::string percent_encode(std::string_view text);
/// Error malformed for a '%' that two hexadecimal digits don't follow.
Result<std::string> percent_decode(std::string_view text);
/// "a=1&b=x%20y"; empty for no pairs.
std::string encode_query(const Query& query);
/// The reverse; '+' is a blank, a key without '=' has an empty value. Error malformed as percent_decode.
Result<Query> parse_query(std::string_view text);

}  // namespace labhub::http
