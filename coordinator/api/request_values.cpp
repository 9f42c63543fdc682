#include "coordinator/api/request_values.hpp"

#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {

Result<bool> query_flag(const Call& call, std::string_view name) {
    const auto given = call.request.query_value(name);
    if (!given || *given == "false") return false;
    if (*given == "true" || given->empty()) return true;
    return Error{ErrorCode::malformed, "?" + std::string(name) + "=" + printable(*given, 40) + " is no truth value",
                 "true or false"};
}

Result<std::string> number_or_text(std::string_view name, const boost::json::value& given) {
    if (given.is_string()) return std::string(given.get_string());
    if (given.is_number()) return to_json(given);
    return Error{ErrorCode::malformed, "'" + std::string(name) + "' must be a number or text"};
}

}  // namespace labhub::coordinator::api
