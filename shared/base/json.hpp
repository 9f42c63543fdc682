#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"

namespace labhub {

/// JSON text with numbers as people write them (0.5, not 5E-1) and null for what is not finite. Boost.JSON's own
/// serializer is valid but prints every double in exponent form.
std::string to_json(const boost::json::value& value);
/// The same, indented by two blanks, for files and terminals.
std::string to_pretty_json(const boost::json::value& value);
/// Parses strictly (RFC 8259, at most 32 levels). Error malformed with line and column.
Result<boost::json::value> parse_json(std::string_view text);

/// A metric's value in JSON; monostate is null.
boost::json::value value_to_json(const Value& value);
/// Error malformed for arrays, objects and null.
Result<Value> value_from_json(const boost::json::value& json);

}  // namespace labhub
