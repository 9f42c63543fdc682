#include "coordinator/cli/up/hub_watch.hpp"

#include <set>

#include "coordinator/cli/hub.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli::up {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kExperimentsLimit = 20s;
constexpr auto kLookPeriod = 200ms;

Result<Hub> open_hub(asio::any_io_executor executor, std::uint16_t port, const std::filesystem::path& token_file) {
    AccessRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(port);
    request.token_file = token_file;
    LABHUB_TRY(Access access, find_access(request));
    return Hub::open(std::move(executor), std::move(access));
}

std::string first_not_ready(const json::array& nodes) {
    for (const json::value& each : nodes) {
        if (!each.is_object()) continue;
        const json::object& node = each.get_object();
        const std::string state = text_of(node, "state");
        const std::string link = text_of(node, "link");
        const std::string name = "node " + text_of(node, "node");
        if (state != "online") return name + " is " + state;
        if (link != "connected") return name + " has no SSH session: " + link;
        for (const json::value& device : array_of(node, "devices")) {
            const json::value* const connected =
                device.is_object() ? device.get_object().if_contains("connected") : nullptr;
            if (connected && connected->is_bool() && !connected->get_bool()) return name + " does not reach its device";
        }
        if (array_of(node, "devices").empty()) return name + " has not told its devices";
    }
    return {};
}

/// The ids of experiments that have not ended.
std::set<std::string> unfinished(const json::object& reply) {
    static const std::set<std::string> kUnfinished{"queued", "preparing", "running", "stopping"};
    std::set<std::string> ids;
    for (const json::value& each : array_of(reply, "experiments"))
        if (each.is_object() && kUnfinished.contains(text_of(each.get_object(), "status")))
            ids.insert(text_of(each.get_object(), "experiment_id"));
    return ids;
}

std::string word_beginning(std::string_view text, std::string_view with) {
    const std::size_t begin = text.find(with);
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_first_of(" \t\r\n\"", begin) - begin));
}

}  // namespace

Task<std::string> what_is_missing(asio::any_io_executor executor, std::uint16_t port, std::filesystem::path token_file,
                                  std::size_t nodes) {
    auto hub = open_hub(executor, port, token_file);
    if (!hub) co_return hub.error().message;
    auto health = co_await hub->get("/health");
    if (!health) co_return health.error().message;
    auto reply = co_await hub->get("/api/nodes");
    if (!reply) co_return reply.error().message;
    const json::array& known = array_of(*reply, "nodes");
    if (known.size() < nodes)
        co_return std::to_string(nodes - known.size()) + " of the nodes are not known to the coordinator";
    const std::string node = first_not_ready(known);
    if (!node.empty()) co_return node;
    const std::string state = text_of(*health, "status");
    co_return state == "healthy" ? std::string() : "the hub is " + state;
}

Task<void> stop_experiments(asio::any_io_executor executor, std::uint16_t port, std::filesystem::path token_file) {
    auto hub = open_hub(executor, port, token_file);
    if (!hub) co_return;
    const Steady::time_point deadline = Steady::now() + kExperimentsLimit;
    std::set<std::string> asked;
    while (Steady::now() < deadline) {
        auto reply = co_await hub->get("/api/experiments");
        if (!reply) co_return;
        const std::set<std::string> left = unfinished(*reply);
        if (left.empty()) co_return;
        for (const std::string& id : left) {
            if (!asked.insert(id).second) continue;
            json::object nothing;
            static_cast<void>(co_await hub->post(experiment_path(id) + "/stop", std::move(nothing)));
        }
        co_await sleep_for(kLookPeriod);
    }
}

std::string public_key_in(std::string_view text) {
    const std::size_t begin = text.find("ssh-ed25519 ");
    if (begin == std::string_view::npos) return {};
    const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
    const auto words = split(line, ' ');
    return std::string(words[0]) + " " + std::string(trim(words[1]));
}

std::string fingerprint_in(std::string_view text) { return word_beginning(text, "SHA256:"); }

}  // namespace labhub::cli::up
