#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "shared/base/clock.hpp"

namespace labhub::cli {

/// Members of the hub's answers as a person reads them. A member that is missing or null is empty text or nothing: a
/// newer or older hub may leave one out, and a table with a gap is better than none.
std::string text_of(const boost::json::object& object, std::string_view key);
std::optional<std::int64_t> integer_of(const boost::json::object& object, std::string_view key);
/// False for what isn't there.
bool flag_of(const boost::json::object& object, std::string_view key);
/// The objects of an array, which outlives what is returned.
std::vector<const boost::json::object*> rows_of(const boost::json::object& object, std::string_view key);
/// An empty object or array for what isn't there.
const boost::json::object& object_of(const boost::json::object& object, std::string_view key);
const boost::json::array& array_of(const boost::json::object& object, std::string_view key);

/// An experiment's "device", or, while it is not chosen, what it needs: "any with ph, stirrer".
std::string device_text(const boost::json::object& experiment);

/// A JSON scalar in its shortest form: "true", "0.25", "text", "–" for null; numbers with at most six digits.
std::string scalar_text(const boost::json::value& value);
/// "14:03:05" today, "2026-02-15 14:03" on another day, in the machine's time zone; "–" for nothing.
std::string time_text(std::optional<std::int64_t> utc_millis, UtcMillis now);
/// "3s", "5m", "2h", "4d": how long ago; "–" for nothing.
std::string age_text(std::optional<std::int64_t> utc_millis, UtcMillis now);
/// "1m05s" between two times; to now where the end is not known.
std::string span_text(std::optional<std::int64_t> from, std::optional<std::int64_t> to, UtcMillis now);

}  // namespace labhub::cli
