// The part of Session that sends what is stored and the host may not have, marked historical.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/edge_node/session.hpp"

namespace labhub::agent::edge_node {
namespace {

/// Rows read at once. One message takes all of a device's, some twenty kilobytes for a vessel.
constexpr spool::ReadLimit kChunk{16, 4 * 1024};
constexpr std::chrono::milliseconds kNoRoom{50};
constexpr std::chrono::milliseconds kRetry{1'000};
/// A host that acknowledges does so within a second.
constexpr std::chrono::milliseconds kSilence{60'000};

bool is_for_later(const Error& error) {
    return error.code == ErrorCode::too_many || error.code == ErrorCode::unavailable;
}

}  // namespace

void Session::restart_run() {
    run_began_ = around_.clock.steady_now();
    sent_.restart(around_.delivery.replay_after(run_began_));
    pace_.restart();
    first_skipped_.reset();
    replay_wake_.cancel();
}

bool Session::is_of_this_node(const std::string& device) const {
    const auto devices = around_.path.devices();
    return std::any_of(devices.begin(), devices.end(),
                       [&](const sampling::Device* each) { return each->id() == device; });
}

/// Rows of these devices may not have been sent though rows after them were.
std::vector<std::string> Session::withheld() const {
    std::vector<std::string> all;
    for (const sampling::Device* device : around_.path.devices())
        if (!alive_.contains(device->id())) all.push_back(device->id());
    return all;
}

void Session::said(spool::Position position) {
    around_.delivery.said(position, withheld(), around_.clock.steady_now());
}

void Session::sent_all() {
    spool::Position until = sent_.sent_until();
    if (first_skipped_) until = std::min(until, *first_skipped_ - 1);
    around_.delivery.sent_all(until, around_.clock.steady_now());
    if (const auto taken = around_.delivery.taken_for_received(); taken > 0) around_.spool.note_sent(taken);
}

/// Data of a device without a birth isn't allowed: its rows stay, and are sent when it is born again.
std::vector<Session::Part> Session::parts_of(const std::vector<spool::Row>& rows) {
    std::vector<Part> parts;
    for (const spool::Row& row : rows) {
        const spool::Batch& batch = *row.batch;
        const auto born = alive_.find(batch.device);
        if (born == alive_.end()) {
            if (!first_skipped_ && is_of_this_node(batch.device)) first_skipped_ = row.position;
            continue;
        }
        auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& each) {
            return each.device == batch.device && each.clock_unsure == batch.clock_unsure;
        });
        if (part == parts.end()) part = parts.insert(part, Part{batch.device, batch.clock_unsure, {}});
        add_readings(part->data, born->second, batch, true);
    }
    std::erase_if(parts, [](const Part& part) { return part.data.metrics.empty(); });
    return parts;
}

/// Rows that went out live during the replay said no position, as rows before them were missing. One of them goes again
/// at the end to say it for all: without a further reading they would never be acknowledged.
void Session::keep_one_ahead(std::vector<spool::Row>& rows) const {
    const auto ahead = std::find_if(rows.begin(), rows.end(),
                                    [this](const spool::Row& row) { return sent_.was_sent_ahead(row.position); });
    const auto one =
        std::find_if(ahead, rows.end(), [this](const spool::Row& row) { return alive_.contains(row.batch->device); });
    if (one != rows.end()) rows.erase(std::next(one), rows.end());
}

/// Whether the rows are dealt with; else they come again. Their position goes with the last message.
bool Session::replay_rows(const std::vector<spool::Row>& rows) {
    const spool::Position last = rows.back().position;
    const bool is_end = sent_.was_sent_ahead(last);
    const spool::Position covered = is_end ? std::max(last, sent_.ahead_until()) : last;
    std::vector<Part> parts = parts_of(rows);
    std::size_t bytes = 0;
    bool is_said = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool is_last = i + 1 == parts.size();
        mark(parts[i].data, is_last ? covered : 0, parts[i].clock_unsure);
        const auto sent = send_data(parts[i].device, std::move(parts[i].data));
        if (sent) {
            bytes += *sent;
            pace_.sent(1);
            is_said = is_last;
        } else if (is_for_later(sent.error())) {
            return false;
        } else {
            spdlog::error("rows of the spool up to {} can't be sent and are passed over: {}", last,
                          sent.error().to_string());
        }
    }
    sent_.replayed(last);
    if (!is_said) return true;
    const auto now = around_.clock.steady_now();
    said(covered);
    if (around_.delivery.is_acknowledging(now)) pace_.under_way(covered, bytes, now);
    if (is_end) sent_.reached_end();
    return true;
}

Task<void> Session::replay_some() {
    const auto now = around_.clock.steady_now();
    if (pace_.has_stalled(now)) restart_run();
    const bool has_room = pace_.has_room(connection_->unsent_bytes() + connection_->unconfirmed_bytes());
    if (!has_room || pace_.allowance(now) == 0) {
        std::chrono::milliseconds pause = kNoRoom;
        if (has_room) pause = pace_.wait();
        co_await sleep_for(pause);
        co_return;
    }
    const unsigned generation = sent_.generation();
    const spool::Position newest = sent_.newest();
    auto reading = around_.spool.read_after(sent_.sent_until(), kChunk);
    auto rows = co_await std::move(reading);
    if (!rows) {
        spdlog::debug("replay: {}", rows.error().to_string());
        co_await sleep_for(kRetry);
        co_return;
    }
    if (generation != sent_.generation()) co_return;
    if (!rows->empty()) {
        keep_one_ahead(*rows);
        if (!replay_rows(*rows)) {
            co_await sleep_for(kNoRoom);
            co_return;
        }
    } else if (sent_.newest() == newest) {
        sent_.reached_end();
    }
    // Else rows were stored while it was read. They are there now: to be sent, or to say the position of those that
    // were.
    sent_all();
}

Task<void> Session::replay() {
    while (connection_->is_open()) {
        if (!sent_.is_caught_up() && !around_.host.is_offline()) {
            co_await replay_some();
            continue;
        }
        co_await replay_wake_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

/// Whatever became of what was sent, a host that says nothing any more gets it again, now and then.
void Session::retry_if_silent() {
    const auto now = around_.clock.steady_now();
    if (!sent_.is_caught_up() || around_.host.is_offline() || now - run_began_ < kSilence) return;
    if (!around_.delivery.is_acknowledging(now) || !around_.delivery.has_waited(kSilence, now)) return;
    spdlog::info("the host has not acknowledged anything for {}: readings are sent again", format_duration(kSilence));
    restart_run();
}

}  // namespace labhub::agent::edge_node
