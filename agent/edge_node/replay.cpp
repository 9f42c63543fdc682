// The part of Session that sends what is stored and not acknowledged, marked historical.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/edge_node/session.hpp"

namespace labhub::agent::edge_node {
namespace {

/// More than this on its way to the socket, and replay waits: live data and commands must not stand behind it.
constexpr std::size_t kUnsentBound = 128 * 1024;
constexpr std::chrono::milliseconds kPace{100};
constexpr std::chrono::milliseconds kRetry{1'000};

bool is_for_later(const Error& error) {
    return error.code == ErrorCode::too_many || error.code == ErrorCode::unavailable;
}

}  // namespace

void Session::restart_run() {
    sent_.restart();
    replay_wake_.cancel();
}

/// Rows of these devices may not have been sent though rows after them were, so an acknowledgement leaves them be.
std::vector<std::string> Session::withheld() const {
    std::vector<std::string> all(catching_up_.begin(), catching_up_.end());
    for (const sampling::Device* device : around_.path.devices())
        if (!alive_.contains(device->id())) all.push_back(device->id());
    return all;
}

void Session::replay_row(const spool::Row& row) {
    // Data of a device without a birth isn't allowed; its rows stay, and are sent when it is born again.
    const sampling::Device* const device = known(row.batch.device);
    if (device && alive_.contains(row.batch.device)) {
        sparkplug::Payload data = device_data(*device, row.batch, row.position, true);
        Result<void> sent;
        if (!data.metrics.empty()) sent = send(sparkplug::MessageType::ddata, row.batch.device, std::move(data));
        if (!sent && is_for_later(sent.error())) return;
        if (!sent)
            spdlog::error("row {} of the spool can't be sent and is passed over: {}", row.position,
                          sent.error().to_string());
    }
    sent_.replayed(row.position);
}

Task<void> Session::replay_some() {
    const unsigned generation = sent_.generation();
    const auto pace = static_cast<std::uint32_t>(1000 / kPace.count());
    const std::uint32_t count = std::max(1u, around_.settings.replay_rows_per_second / pace);
    auto rows = co_await around_.spool.read_after(sent_.sent_until(), count);
    if (!rows) {
        spdlog::debug("replay: {}", rows.error().to_string());
        co_await sleep_for(kRetry);
        co_return;
    }
    if (generation != sent_.generation()) co_return;
    bool is_end = rows->empty();
    for (const spool::Row& row : *rows) {
        if ((is_end = sent_.was_sent_ahead(row.position))) break;
        if (connection_->unsent_bytes() > kUnsentBound) break;
        replay_row(row);
        if (sent_.sent_until() < row.position) break;
    }
    if (is_end) {
        sent_.reached_end();
        catching_up_.clear();
    }
}

Task<void> Session::replay() {
    while (connection_->is_open()) {
        if (!sent_.is_caught_up() && !around_.host.is_offline()) {
            co_await replay_some();
            co_await sleep_for(kPace);
            continue;
        }
        co_await replay_wake_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

}  // namespace labhub::agent::edge_node
