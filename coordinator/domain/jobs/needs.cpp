#include "coordinator/domain/jobs/needs.hpp"

#include <algorithm>

namespace labhub::coordinator::jobs {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostDevices = 1'000;
constexpr std::size_t kMostMetrics = 64;

template <class T>
void put_in_order(std::vector<T>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
}

Result<void> check_count(std::string_view what, std::size_t count, std::size_t most) {
    if (count <= most) return {};
    return Error{ErrorCode::too_large, "needs names " + std::to_string(count) + " " + std::string(what),
                 "at most " + std::to_string(most)};
}

/// "a", "a and b", "a, b and c".
std::string joined(const std::vector<std::string>& words, std::string_view last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? std::string(last) : ", ";
        text += words[i];
    }
    return text;
}

std::vector<std::string> names_of(const std::vector<DeviceAddress>& devices) {
    std::vector<std::string> names;
    for (const auto& device : devices) names.push_back(device.to_string());
    return names;
}

Result<std::vector<std::string>> words_from(const json::object& stored, std::string_view key) {
    std::vector<std::string> words;
    const json::value* const found = stored.if_contains(key);
    if (!found) return words;
    const Error wrong{ErrorCode::corrupt, "stored needs: '" + std::string(key) + "' is no list of texts"};
    if (!found->is_array()) return wrong;
    for (const json::value& each : found->get_array()) {
        if (!each.is_string()) return wrong;
        words.emplace_back(each.get_string());
    }
    return words;
}

}  // namespace

Result<void> check_needs(Needs& needs) {
    put_in_order(needs.devices);
    put_in_order(needs.metrics);
    put_in_order(needs.actuators);
    LABHUB_CHECK(check_count("devices", needs.devices.size(), kMostDevices));
    LABHUB_CHECK(check_count("metrics", needs.metrics.size(), kMostMetrics));
    LABHUB_CHECK(check_count("actuators", needs.actuators.size(), kMostMetrics));
    for (const auto* const list : {&needs.metrics, &needs.actuators})
        for (const auto& metric : *list)
            if (auto good = check_metric_name(metric); !good) return good.error().within("needs");
    return {};
}

std::string to_string(const Needs& needs) {
    std::string text = needs.devices.empty() ? "any device" : joined(names_of(needs.devices), ", ");
    if (needs.devices.size() > 1) text = "any of " + text;
    std::vector<std::string> has = needs.metrics;
    for (const auto& actuator : needs.actuators) has.push_back("actuator " + actuator);
    if (!has.empty()) text += " with " + joined(has, " and ");
    return text;
}

json::object to_json_object(const Needs& needs) {
    const auto names = names_of(needs.devices);
    return {{"devices", json::array(names.begin(), names.end())},
            {"metrics", json::array(needs.metrics.begin(), needs.metrics.end())},
            {"actuators", json::array(needs.actuators.begin(), needs.actuators.end())}};
}

Result<Needs> needs_from(const json::object& stored) {
    Needs needs;
    LABHUB_TRY(const auto devices, words_from(stored, "devices"));
    for (const auto& name : devices) {
        LABHUB_TRY(auto device, DeviceAddress::parse(name));
        needs.devices.push_back(std::move(device));
    }
    LABHUB_TRY(needs.metrics, words_from(stored, "metrics"));
    LABHUB_TRY(needs.actuators, words_from(stored, "actuators"));
    return needs;
}

}  // namespace labhub::coordinator::jobs
