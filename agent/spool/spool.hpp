#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "agent/spool/row_ages.hpp"
#include "agent/spool/storage.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::spool {

struct Options {
    std::chrono::milliseconds max_age{std::chrono::hours{7 * 24}};         ///< of plain readings
    std::chrono::milliseconds max_event_age{std::chrono::hours{90 * 24}};  ///< of alarms and changes of state
    std::chrono::milliseconds commit_interval{100};                        ///< at least so long between two commits
    std::size_t max_waiting = 256;                                         ///< batches that wait to be stored
    std::chrono::milliseconds slow_disk{2'000};  ///< what waits this long to be stored is given on before
};

/// Everything measured passes through here: stored first, then given on to be sent, in the order it came.
///
/// Thread: the agent's main thread. Owns its storage. What arrives within a commit interval shares a commit; an alarm
/// or a change of state doesn't wait for it. Bounded in bytes and age by class (see Storage) and in what waits to be
/// stored; what is given up is counted. A disk that takes long is waited for, and live data goes on meanwhile. When the
/// disk fails or is full, batches are given on without a position, so that live data goes on; storing is tried again
/// every few seconds. A damaged file is set aside and begun anew.
class Spool {
  public:
    /// Gets each batch after it was stored. Position 0: it could not be stored, or the disk takes long; then it comes
    /// again with its position and marked late once it is stored.
    using Sink = std::function<void(const Batch&, Position)>;

    struct State {
        Holding holding;
        PerClass dropped{};             ///< rows lost to the bounds, and batches not stored, since the start
        std::uint64_t unconfirmed = 0;  ///< rows let go that were sent, but that no host acknowledged, since the start
        std::uint64_t replaced = 0;     ///< times a damaged spool was set aside and begun anew, since the start
        Position last = 0;              ///< no row has a higher one
        Position acknowledged = 0;
        Position sent = 0;    ///< as told by note_sent, also before the last restart
        UtcMillis newest;     ///< the latest time of any reading that was in the storage when it was opened; 0: none
        std::string problem;  ///< empty: storing works
        std::string replaced_why;  ///< of the last time

        std::uint64_t depth() const { return total(holding.rows); }  ///< rows not acknowledged
    };

    Spool(asio::any_io_executor executor, std::unique_ptr<Storage> storage, Options options, const Clock& clock);

    void give_to(Sink sink) { sink_ = std::move(sink); }
    /// Takes it at once. The device's metrics in it must be of its birth, or they are never sent.
    void append(Class of, Batch batch);
    /// Calls `event` when all that was appended before has been given on.
    void after_pending(std::function<void()> event);
    /// Opens the storage, so that state() says what was found in it, and holds up the thread for as long as the disk
    /// does. run() does it, without holding up anything, where this wasn't called.
    void open();
    /// Until run() has opened the storage or failed to, for at most `limit`.
    Task<void> wait_until_opened(std::chrono::milliseconds limit);
    /// Works until it is cancelled.
    Task<void> run();
    /// Stores and gives on what waits, without waiting for more: for at most `limit`.
    Task<void> flush(std::chrono::milliseconds limit = std::chrono::seconds{10});

    /// The oldest rows after `after`. Errors as SQLite gave them; unavailable while the spool doesn't work.
    Task<Result<std::vector<Row>>> read_after(Position after, ReadLimit limit);
    /// The host has stored everything up to `upto`: forget it, but for rows of `withheld` devices. A position beyond
    /// the last row is ignored with a warning.
    void acknowledge(Position upto, std::vector<std::string> withheld);
    /// Rows up to here were sent to a host that doesn't acknowledge: kept while there is room, but first to go.
    void note_sent(Position upto);
    const State& state() const { return state_; }

  private:
    struct Waiting {
        Class of;
        std::shared_ptr<const Batch> batch;
        bool is_given = false;  ///< without a position, as the disk is slow
    };
    using Event = std::function<void()>;
    using Item = std::variant<Waiting, Event>;

    void push(Item item);
    void drop_one_waiting();
    Task<void> step();
    Task<void> pace();
    Task<Result<void>> flush_all();
    void begin_step();
    void end_step();
    std::string slow_text() const;
    void give_early();
    void give(Waiting& waiting);
    Task<void> store();
    Task<void> tidy();
    Task<Result<Changed>> change(std::vector<Row> rows);
    bool is_tidying_due() const;
    bool has_tidying() const;
    bool has_work() const;
    bool may_store() const;
    Task<bool> ready_to_store();
    void tried_to_open(const Result<Found>& found);
    void opened(const Found& found);
    void failed(const Error& error);

    asio::any_io_executor executor_;
    std::unique_ptr<Storage> storage_;
    Options options_;
    const Clock& clock_;
    Sink sink_;
    std::deque<Item> waiting_;
    bool is_urgent_ = false;
    bool is_pacing_ = false;
    std::optional<Forget> forget_;
    std::optional<Position> sent_;
    RowAges ages_;
    asio::steady_timer wake_;
    asio::steady_timer slow_;
    asio::steady_timer opened_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::vector<Waiting> in_hand_;  ///< being stored
    bool is_stepping_ = false;
    bool is_slow_ = false;  ///< what comes is given on at once
    bool has_tried_ = false;
    bool is_open_ = false;
    Steady::time_point retry_at_{};
    Steady::time_point tidied_at_{};
    Steady::time_point aged_at_{};
    bool is_aging_ = false;  ///< more rows are too old than went at once
    State state_;
};

}  // namespace labhub::agent::spool
