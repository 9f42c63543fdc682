#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "coordinator/api/call.hpp"

namespace labhub::coordinator::api {

/// Whether ?name, ?name= or ?name=true is in the query; not there, or false: no. Error malformed.
Result<bool> query_flag(const Call& call, std::string_view name);

/// A number or text of a body, as text: both ways people write times and sizes. Error malformed, by `name`.
Result<std::string> number_or_text(std::string_view name, const boost::json::value& given);

}  // namespace labhub::coordinator::api
