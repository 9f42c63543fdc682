#pragma once

#include <map>
#include <string>

#include <boost/json/object.hpp>

#include "shared/base/result.hpp"

/// An experiment's parameters: a JSON object that the script finds as `labhub.params`.
namespace labhub::coordinator::jobs {

inline constexpr std::string_view kParamsVariable = "LABHUB_PARAMS";
inline constexpr std::string_view kParamVariables = "LABHUB_PARAM_";
inline constexpr std::size_t kMostParams = 200;
inline constexpr std::size_t kMostParamsBytes = 16 * 1024;  ///< as JSON text

/// Names of letters, digits, '_', '-' and '.', which begin with a letter or '_'; values as JSON has them, within the
/// bounds above and 16 levels. Errors malformed (also two names that would be one variable), too_large.
Result<void> check_params(const boost::json::object& params);

/// `params` with `changes` over it: a value takes the place of the one of its name, null takes the name out.
boost::json::object changed_params(boost::json::object params, const boost::json::object& changes);

/// LABHUB_PARAMS with all of them as JSON, and LABHUB_PARAM_NAME for each that is a number, a truth value or a text.
/// Empty for no parameters. A text with a NUL byte is in LABHUB_PARAMS alone, where it is escaped.
std::map<std::string, std::string> params_environment(const boost::json::object& params);

/// The same with what the submission's own environment has. Error conflict where both have a variable.
Result<void> check_no_clash(const boost::json::object& params, const std::map<std::string, std::string>& environment);

}  // namespace labhub::coordinator::jobs
