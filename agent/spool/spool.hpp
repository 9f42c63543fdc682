#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "agent/spool/spool_file.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::agent::spool {

/// Every sampled batch passes through here: stored first, then given on to be sent, in the order it came.
///
/// Thread: the agent's main thread; SQLite runs on a thread of its own, and what arrives while a commit runs shares the
/// next one. Bounded in bytes and age (oldest rows go, counted) and in what waits to be stored. When the disk fails or
/// is full, batches are given on without a position, so that live data goes on; storing is tried again every few
/// seconds. A damaged file is moved aside and begun anew.
class Spool {
  public:
    /// Gets each batch after it was stored. Position 0: it could not be stored.
    using Sink = std::function<void(const Batch&, Position)>;

    struct State {
        std::uint64_t depth = 0;    ///< rows not acknowledged
        std::uint64_t dropped = 0;  ///< rows lost to the bounds, and batches that couldn't be stored, since the start
        Position last = 0;          ///< no row has a higher one
        Position acknowledged = 0;
        std::string problem;  ///< empty: storing works
    };

    Spool(asio::any_io_executor executor, std::filesystem::path file, Bounds bounds, const Clock& clock);

    void give_to(Sink sink) { sink_ = std::move(sink); }
    void append(Batch batch);
    /// Calls `event` when all that was appended before has been given on.
    void after_pending(std::function<void()> event);
    /// Opens the file and works until it is cancelled.
    Task<void> run();
    /// Stores and gives on what waits, without waiting for more.
    Task<void> flush();

    /// The oldest rows after `after`. Errors as SQLite gave them; unavailable while the spool doesn't work.
    Task<Result<std::vector<Row>>> read_after(Position after, std::uint32_t limit);
    /// The host has stored everything up to `upto`: forget it, but for rows of `withheld` devices. A position beyond
    /// the last row is ignored with a warning.
    void acknowledge(Position upto, std::vector<std::string> withheld);
    const State& state() const { return state_; }

  private:
    struct Acknowledgement {
        Position upto;
        std::vector<std::string> withheld;
    };
    using Item = std::variant<Batch, std::function<void()>>;

    void push(Item item);
    Task<void> step();
    Task<std::vector<Position>> store(const std::vector<Batch>* batches);
    Task<void> forget_acknowledged();
    bool ready_to_store();
    Result<void> open();
    void failed(const Error& error);

    asio::any_io_executor executor_;
    std::filesystem::path file_;
    Bounds bounds_;
    const Clock& clock_;
    Sink sink_;
    std::deque<Item> waiting_;
    std::optional<Acknowledgement> acknowledgement_;
    asio::steady_timer wake_;
    std::shared_ptr<sqlite::Writer> writer_;
    Steady::time_point retry_at_{};
    bool must_replace_ = false;
    State state_;
};

}  // namespace labhub::agent::spool
