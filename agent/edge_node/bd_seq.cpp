#include "agent/edge_node/bd_seq.hpp"

#include <spdlog/spdlog.h>

#include "shared/sparkplug/sequence.hpp"

namespace labhub::agent::edge_node {
namespace {

/// A hung disk must not keep a node from its broker.
constexpr std::chrono::milliseconds kSlowest{2'000};

Result<std::uint8_t> advance(sqlite::Database& database, std::optional<std::uint8_t> known) {
    LABHUB_TRY(sqlite::Statement row, database.cached("SELECT value FROM node_state WHERE key = 'bd_seq'"));
    LABHUB_TRY(const bool stored, row.step());
    if (!known && stored) known = static_cast<std::uint8_t>(row.column_int64(0));
    row.reset();
    const std::uint8_t next = sparkplug::next_bd_seq(known);
    LABHUB_CHECK(database.run(
        "INSERT INTO node_state(key, value) VALUES('bd_seq', ?1) ON CONFLICT(key) DO UPDATE SET value = ?1", next));
    return next;
}

}  // namespace

Task<std::uint8_t> StoredBdSeq::next() {
    // With the former file lost, any number but the last one will do; the host can't know ours then.
    if (!last_ && database_.was_replaced()) last_ = static_cast<std::uint8_t>(clock_.utc_now().count / 1000);
    auto work = [known = last_](sqlite::Database& database) { return advance(database, known); };
    auto storing = database_.writer().write(std::move(work));
    const auto stored = co_await within(kSlowest, "store bdSeq", std::move(storing));
    if (!stored) spdlog::error("bdSeq can't be stored: {}", stored.error().to_string());
    if (!stored && !last_) last_ = static_cast<std::uint8_t>(clock_.utc_now().count / 1000);
    last_ = stored ? *stored : sparkplug::next_bd_seq(last_);
    co_return *last_;
}

}  // namespace labhub::agent::edge_node
