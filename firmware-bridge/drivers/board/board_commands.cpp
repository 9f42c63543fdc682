// The part of BoardDriver::Impl that reads, writes and makes safe, and settles what a write left open.
#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "firmware-bridge/drivers/board/board_driver_impl.hpp"
#include "firmware-bridge/drivers/board/board_messages.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;
namespace wire = labhub::board;

/// Between attempts to settle, and while commands are under way, which settle as well.
constexpr auto kSettleRetry = 50ms;

std::string names_of(const std::vector<Setpoint>& setpoints) {
    std::string names;
    for (const auto& setpoint : setpoints) names += (names.empty() ? "" : ", ") + setpoint.metric;
    return names;
}

/// Whether the board may have carried out what it did not answer.
bool is_unknown(const Error& error, const BoardLink& link) {
    return error.code == ErrorCode::timed_out || !link.is_open();
}

}  // namespace

Error BoardDriver::Impl::away() const {
    return {ErrorCode::unavailable, "board " + options_.port + " is away: " + (link_ ? link_->why_closed() : problem_)};
}

Task<Result<std::vector<Reading>>> BoardDriver::Impl::read() {
    if (!is_connected()) {
        Error error = away();
        co_return error;
    }
    const Link link = link_;
    co_return co_await reader_.read(link, options_.request_timeout);
}

Task<Result<wire::FromBoard>> BoardDriver::Impl::command(Link link, wire::ToBoard message) {
    struct UnderWay {
        explicit UnderWay(unsigned& count_in) : count(count_in) { ++count; }
        ~UnderWay() { --count; }
        unsigned& count;
    };
    const UnderWay under_way(commands_under_way_);
    const Patience patience{options_.command_timeout};
    co_return co_await link->request(std::move(message), patience);
}

Task<Result<std::vector<Reading>>> BoardDriver::Impl::write(std::vector<Setpoint> setpoints) {
    auto asked = to_write(metrics_, setpoints);
    if (!asked) co_return asked.error();
    if (!is_connected()) {
        Error error = away();
        co_return error;
    }
    const Link link = link_;
    const auto settling = add_doubtful(*asked, setpoints);
    wire::ToBoard message;
    *message.mutable_write() = std::move(*asked);
    auto reply = co_await command(link, std::move(message));
    if (reply) {
        doubtful_.written(setpoints);
        doubtful_.settled(settling);
        co_return to_readings(metrics_, reply->applied(), clock_.utc_now());
    }
    Error error = reply.error();
    if (is_unknown(error, *link)) {
        doubtful_.add(metrics_, setpoints);
        doubt(error, names_of(setpoints));
    }
    co_return error;
}

Task<Result<std::vector<Reading>>> BoardDriver::Impl::safe() {
    if (!is_connected()) {
        Error error = away();
        co_return error;
    }
    const Link link = link_;
    wire::ToBoard message;
    message.mutable_safe();
    auto reply = co_await command(link, std::move(message));
    if (reply) {
        doubtful_.clear();
        co_return to_readings(metrics_, reply->applied(), clock_.utc_now());
    }
    Error error = reply.error();
    if (is_unknown(error, *link)) {
        doubtful_.add_all(metrics_);
        doubt(error, "every output");
    }
    co_return error;
}

DoubtfulOutputs::Batch BoardDriver::Impl::add_doubtful(wire::Write& write, const std::vector<Setpoint>& asked) const {
    auto batch = doubtful_.take(kMaxNumbersInWrite - std::min(kMaxNumbersInWrite, asked.size()), asked);
    auto all = asked;
    all.insert(all.end(), batch.to_safe.begin(), batch.to_safe.end());
    auto together = to_write(metrics_, all);
    // Too many texts in one: what was asked goes first, alone.
    if (!together) return {};
    write = std::move(*together);
    return batch;
}

DoubtfulOutputs::Batch BoardDriver::Impl::to_settle() const {
    auto batch = doubtful_.take(kMaxNumbersInWrite);
    if (!to_write(metrics_, batch.to_safe)) batch = doubtful_.take(1);
    return batch;
}

void BoardDriver::Impl::doubt(Error& error, const std::string& outputs) {
    ++counters_.commands_in_doubt;
    error.detail =
        "whether it was carried out isn't known; put at the safe value as soon as the board answers: " + outputs;
    spdlog::warn("board {}: {}", options_.port, error.to_string());
    start_settling();
}

void BoardDriver::Impl::start_settling() {
    if (is_settling_ || doubtful_.is_empty() || !is_connected()) return;
    is_settling_ = true;
    tasks_.spawn("board settling", settle(link_));
}

Task<void> BoardDriver::Impl::settle(Link link) {
    struct Ending {
        explicit Ending(bool& flag_in) : flag(flag_in) {}
        ~Ending() { flag = false; }
        bool& flag;
    };
    const Ending ending(is_settling_);
    const Patience patience{options_.request_timeout};
    while (link->is_open() && !doubtful_.is_empty()) {
        if (commands_under_way_ == 0) {
            const auto batch = to_settle();
            auto write = to_write(metrics_, batch.to_safe);
            wire::ToBoard message;
            if (write) *message.mutable_write() = std::move(*write);
            auto reply = co_await link->request(std::move(message), patience);
            take_settled(reply, batch);
            if (reply) continue;
        }
        co_await sleep_for(kSettleRetry);
    }
}

void BoardDriver::Impl::take_settled(const Result<wire::FromBoard>& reply, const DoubtfulOutputs::Batch& batch) {
    if (reply) {
        doubtful_.settled(batch);
        spdlog::warn("board {}: put at the safe value after a command without answer: {}", options_.port,
                     names_of(batch.to_safe));
        return;
    }
    const auto code = reply.error().code;
    // In time_out the answer is still out; in conflict a later write was carried out; too_many passes by itself.
    if (code == ErrorCode::timed_out || code == ErrorCode::conflict || code == ErrorCode::too_many) return;
    // A board without heartbeat, or whose hardware failed, has made every output safe. What remains can't be mended
    // by saying it again.
    spdlog::warn("board {}: not put at the safe value: {}: {}", options_.port, names_of(batch.to_safe),
                 reply.error().to_string());
    if (is_connected()) doubtful_.clear();
}

}  // namespace labhub::firmware_bridge
