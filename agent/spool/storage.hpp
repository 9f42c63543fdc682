#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/batch_codec.hpp"
#include "shared/base/clock.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::spool {

/// Position of a row: rises with every row, also over restarts, a replaced file and a power cut that lost the last
/// commits, because each start of the agent begins at the present time in milliseconds if that is higher. 0: none.
using Position = std::int64_t;

/// One number for each Class.
using PerClass = std::array<std::uint64_t, kClasses>;
std::uint64_t total(const PerClass& counts);

/// A row as it is stored and read back.
struct Row {
    Position position = 0;
    Class of = Class::reading;
    std::shared_ptr<const Batch> batch;
};

/// What a host has stored: may go.
struct Forget {
    Position upto = 0;
    std::vector<std::string> withheld;  ///< rows of these devices stay
};

/// Rows that are too old. Those of the present run are known by position, as the wall clock may have been set since.
struct AgeLimit {
    UtcMillis former_before;   ///< rows of former runs stored before this go
    Position own_from = 0;     ///< the first position of this run
    Position own_through = 0;  ///< rows of this run up to here go
};

/// One change of the storage, all of it or nothing.
struct Change {
    std::vector<Row> rows;         ///< in ascending order of position
    std::optional<Forget> forget;  ///< a part of it, if it is much
    std::optional<Position> sent;  ///< rows up to here were sent to a host that doesn't acknowledge
    std::array<std::optional<AgeLimit>, kClasses> too_old;
};

struct Changed {
    PerClass dropped{};             ///< rows given up at the bounds
    std::uint64_t unconfirmed = 0;  ///< rows given up at the bounds that were sent, but never acknowledged
    bool forgot_all = true;         ///< else ask again
    bool dropped_all_old = true;    ///< else ask again
};

/// What a storage holds.
struct Holding {
    PerClass rows{};          ///< not acknowledged
    std::uint64_t bytes = 0;  ///< on disk, or in memory
    bool counted = true;      ///< else rows are still being counted, see Storage::count_some
};

/// What was found in a storage when it was opened.
struct Found {
    Position last = 0;          ///< every position there ever was is at most this
    Position acknowledged = 0;  ///< by a host
    Position sent = 0;          ///< to a host that doesn't acknowledge
    UtcMillis newest;           ///< the latest time of any reading stored so far; 0: none
    bool was_replaced = false;  ///< the former file was damaged and set aside
    std::string damage;         ///< what was wrong with it, for people
};

/// How much is read back at once.
struct ReadLimit {
    std::uint32_t rows = 64;
    std::size_t bytes = 48 * 1024;  ///< of stored rows; one row is always read
};

/// Where the spool keeps its rows: a SQLite file, or memory. Used by one Spool, one change at a time; reads may come
/// between. Within its bounds it decides by Class what goes: the oldest of the plain readings first, alarms last; rows
/// that were sent to a host that never acknowledges before all others. Thread: the spool's.
class Storage {
  public:
    virtual ~Storage() = default;
    /// Makes it ready; also tried again after a failure. Errors as SQLite gave them.
    virtual Result<Found> open(UtcMillis now) = 0;
    /// The same without holding up the thread that asks.
    virtual Task<Result<Found>> open_aside(UtcMillis now) { co_return open(now); }
    /// Errors corrupt (open() then begins anew beside it), storage_full, …: nothing was changed. Takes as long as the
    /// disk does.
    virtual Task<Result<Changed>> change(Change change) = 0;
    /// The oldest rows after `after`. Damaged ones are left out and counted as dropped.
    virtual Task<Result<std::vector<Row>>> read_after(Position after, ReadLimit limit) = 0;
    /// Goes on counting what was there when it was opened.
    virtual Task<Result<void>> count_some() = 0;
    virtual Holding holding() const = 0;
};

}  // namespace labhub::agent::spool
