#include "coordinator/cli/text_of.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "shared/base/json.hpp"

namespace labhub::cli {
namespace {

constexpr const char* kNothing = "–";

std::tm local_parts(std::int64_t utc_millis) {
    const std::time_t seconds = static_cast<std::time_t>(utc_millis / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

std::string text_of(const boost::json::object& object, std::string_view key) {
    const boost::json::value* const value = object.if_contains(key);
    if (!value || value->is_null()) return {};
    return value->is_string() ? std::string(value->get_string()) : to_json(*value);
}

std::optional<std::int64_t> integer_of(const boost::json::object& object, std::string_view key) {
    const boost::json::value* const value = object.if_contains(key);
    if (!value) return std::nullopt;
    if (const auto* whole = value->if_int64()) return *whole;
    if (const auto* natural = value->if_uint64()) return static_cast<std::int64_t>(*natural);
    if (const auto* number = value->if_double()) return static_cast<std::int64_t>(*number);
    return std::nullopt;
}

bool flag_of(const boost::json::object& object, std::string_view key) {
    const boost::json::value* const value = object.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

std::vector<const boost::json::object*> rows_of(const boost::json::object& object, std::string_view key) {
    std::vector<const boost::json::object*> rows;
    for (const boost::json::value& each : array_of(object, key))
        if (each.is_object()) rows.push_back(&each.get_object());
    return rows;
}

const boost::json::object& object_of(const boost::json::object& object, std::string_view key) {
    static const boost::json::object none;
    const boost::json::value* const value = object.if_contains(key);
    return value && value->is_object() ? value->get_object() : none;
}

const boost::json::array& array_of(const boost::json::object& object, std::string_view key) {
    static const boost::json::array none;
    const boost::json::value* const value = object.if_contains(key);
    return value && value->is_array() ? value->get_array() : none;
}

std::string device_text(const boost::json::object& experiment) {
    std::string device = text_of(experiment, "device");
    if (!device.empty()) return device;
    const boost::json::object& needs = object_of(experiment, "needs");
    const auto listed = [&needs](std::string_view key) {
        std::string text;
        for (const boost::json::value& each : array_of(needs, key))
            text += (text.empty() ? "" : ", ") + scalar_text(each);
        return text;
    };
    std::string has = listed("metrics");
    if (const std::string actuators = listed("actuators"); !actuators.empty())
        has += (has.empty() ? "" : ", ") + actuators;
    const std::string named = listed("devices");
    device = named.empty() ? "any" : "any of " + named;
    return has.empty() ? device : device + " with " + has;
}

std::string scalar_text(const boost::json::value& value) {
    if (value.is_null()) return kNothing;
    if (value.is_string()) return std::string(value.get_string());
    if (const double* number = value.if_double()) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.6g", *number);
        return text.data();
    }
    return to_json(value);
}

std::string time_text(std::optional<std::int64_t> utc_millis, UtcMillis now) {
    if (!utc_millis) return kNothing;
    const std::tm then = local_parts(*utc_millis);
    const std::tm today = local_parts(now.count);
    const bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), is_today ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then);
    return text.data();
}

std::string age_text(std::optional<std::int64_t> utc_millis, UtcMillis now) {
    if (!utc_millis) return kNothing;
    const std::int64_t seconds = std::max<std::int64_t>(0, (now.count - *utc_millis) / 1000);
    if (seconds < 120) return std::to_string(seconds) + "s";
    if (seconds < 7'200) return std::to_string(seconds / 60) + "m";
    if (seconds < 172'800) return std::to_string(seconds / 3'600) + "h";
    return std::to_string(seconds / 86'400) + "d";
}

std::string span_text(std::optional<std::int64_t> from, std::optional<std::int64_t> to, UtcMillis now) {
    if (!from) return kNothing;
    const std::int64_t seconds = std::max<std::int64_t>(0, (to.value_or(now.count) - *from) / 1000);
    return format_duration(std::chrono::seconds{seconds});
}

}  // namespace labhub::cli
