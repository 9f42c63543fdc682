#include "coordinator/domain/jobs/params.hpp"

#include <algorithm>

#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestName = 64;
constexpr int kMostLevels = 16;
constexpr std::size_t kShownName = 80;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_param_name(std::string_view name) {
    if (name.empty() || name.size() > kLongestName || !(is_letter(name[0]) || name[0] == '_')) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::string variable_of(std::string_view name) {
    std::string variable(kParamVariables);
    for (const char c : name)
        variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : is_letter(c) || is_digit(c) ? c : '_';
    return variable;
}

int levels_of(const json::value& value) {
    int deepest = 0;
    if (value.is_array())
        for (const auto& item : value.get_array()) deepest = std::max(deepest, levels_of(item));
    if (value.is_object())
        for (const auto& member : value.get_object()) deepest = std::max(deepest, levels_of(member.value()));
    return value.is_structured() ? deepest + 1 : 0;
}

/// Arrays and objects have no variable of their own, nor has null.
bool has_variable(const json::value& value) { return value.is_string() || value.is_bool() || value.is_number(); }

}  // namespace

Result<void> check_params(const json::object& params) {
    if (params.size() > kMostParams)
        return Error{ErrorCode::too_large, std::to_string(params.size()) + " parameters are too many",
                     "at most " + std::to_string(kMostParams)};
    std::map<std::string, std::string> variables;
    for (const auto& [key, value] : params) {
        const std::string name(key);
        if (!is_param_name(name))
            return Error{ErrorCode::malformed, "params: '" + printable(name, kShownName) + "' is no parameter's name",
                         "1 to 64 letters, digits, '_', '-' and '.', beginning with a letter or '_'"};
        if (levels_of(value) >= kMostLevels)
            return Error{ErrorCode::malformed, "params: '" + name + "' is nested too deep",
                         "at most " + std::to_string(kMostLevels) + " levels"};
        const auto [other, is_new] = variables.emplace(variable_of(name), name);
        if (!is_new)
            return Error{
                ErrorCode::malformed,
                "params: '" + other->second + "' and '" + name + "' would both be the variable " + other->first,
                "names that differ in more than case and '_', '-' or '.'"};
    }
    const std::size_t bytes = to_json(params).size();
    if (bytes > kMostParamsBytes)
        return Error{ErrorCode::too_large, "the parameters have " + std::to_string(bytes) + " bytes as JSON",
                     "at most " + std::to_string(kMostParamsBytes) + "; larger data goes into an input file"};
    return {};
}

json::object changed_params(json::object params, const json::object& changes) {
    for (const auto& [name, value] : changes) {
        if (value.is_null())
            params.erase(name);
        else
            params[name] = value;
    }
    return params;
}

std::map<std::string, std::string> params_environment(const json::object& params) {
    std::map<std::string, std::string> environment;
    if (params.empty()) return environment;
    environment.emplace(kParamsVariable, to_json(params));
    for (const auto& [name, value] : params) {
        if (!has_variable(value)) continue;
        std::string text = value.is_string() ? std::string(value.get_string()) : to_json(value);
        if (text.find('\0') == std::string::npos) environment.emplace(variable_of(name), std::move(text));
    }
    return environment;
}

Result<void> check_no_clash(const json::object& params, const std::map<std::string, std::string>& environment) {
    for (const auto& [name, value] : params_environment(params))
        if (environment.contains(name))
            return Error{ErrorCode::conflict, "environment: " + name + " is set by the parameters",
                         "leave it out of the environment, or out of params"};
    return {};
}

}  // namespace labhub::coordinator::jobs
