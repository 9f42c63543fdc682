#include "agent/edge_node/host_state.hpp"

#include "shared/base/json.hpp"

namespace labhub::agent::edge_node {

Result<HostState::Change> HostState::update(std::string_view payload) {
    const Error wrong{ErrorCode::malformed, "a host's STATE message isn't understood",
                      R"(it should be {"online": true or false, "timestamp": milliseconds})"};
    const auto json = parse_json(payload);
    if (!json || !json->is_object()) return wrong;
    const auto* const online = json->get_object().if_contains("online");
    const auto* const timestamp = json->get_object().if_contains("timestamp");
    if (!online || !online->is_bool() || !timestamp || !timestamp->is_number()) return wrong;
    boost::system::error_code failure;
    const auto time = timestamp->to_number<std::int64_t>(failure);
    if (failure) return wrong;
    if (online_ && time < timestamp_) return Change::none;
    const bool is_new = !online_ || *online_ != online->get_bool() || (online->get_bool() && time > timestamp_);
    online_ = online->get_bool();
    timestamp_ = time;
    if (!is_new) return Change::none;
    return *online_ ? Change::came_online : Change::went_offline;
}

}  // namespace labhub::agent::edge_node
