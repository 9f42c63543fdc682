#include "agent/spool/file_storage.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <spdlog/spdlog.h>

#include "agent/sampling/rising_time.hpp"
#include "agent/spool/spool_file.hpp"
#include "agent/state/state_database.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::agent::spool {
namespace {

constexpr std::chrono::milliseconds kSlowestRead{10'000};
constexpr std::uint32_t kForgetStep = 2'000;

void take_away(PerClass& from, const PerClass& gone) {
    for (std::size_t i = 0; i < kClasses; ++i) from[i] -= std::min(from[i], gone[i]);
}

}  // namespace

/// What belongs to the database's thread.
struct FileStorage::Inside {
    spool_file::Shapes shapes;
    std::uint64_t max_bytes = 0;
    Position sent = 0;
};

namespace {

/// The newest time among rows up to a position.
struct Newest {
    UtcMillis time;
    Position position = 0;
};

/// What one change did, and how much the file holds then.
struct Done {
    spool_file::Gone forgotten, dropped;
    std::uint64_t bytes = 0;
    bool dropped_all_old = true;
};

}  // namespace

FileStorage::FileStorage(std::filesystem::path file, Options options) : file_(std::move(file)), options_(options) {}

FileStorage::~FileStorage() = default;

Result<FileStorage::Opened> FileStorage::open_file(const Opening& opening) {
    LABHUB_TRY(sqlite::Database database, spool_file::open(opening.file, opening.survives_power_cut));
    Opened opened;
    LABHUB_TRY(opened.found, spool_file::find(database));
    LABHUB_TRY(opened.bytes, spool_file::used_bytes(database));
    LABHUB_TRY(const spool_file::Slice first, spool_file::count(database, 0, std::numeric_limits<Position>::max()));
    opened.rows = first.rows;
    opened.counted = first.counted;
    opened.is_counted = first.is_last;
    LABHUB_TRY(opened.writer, sqlite::Writer::start(std::move(database)));
    return opened;
}

Result<FileStorage::Opened> FileStorage::open_or_replace(Opening opening) {
    opening.closing.reset();
    Result<Opened> opened = Error{ErrorCode::corrupt, opening.damage.value_or("")};
    if (!opening.damage) opened = open_file(opening);
    if (opened || opened.error().code != ErrorCode::corrupt) return opened;
    const std::string damage = opening.damage ? *opening.damage : opened.error().to_string();
    spdlog::error("{}: it is set aside and begun anew", damage);
    LABHUB_CHECK(state::move_aside(opening.file, opening.now));
    opened = open_file(opening);
    if (!opened) return opened;
    opened->found.was_replaced = true;
    opened->found.damage = damage;
    return opened;
}

FileStorage::Opening FileStorage::opening(UtcMillis now) {
    Opening opening{file_, options_.survives_power_cut, std::exchange(damage_, std::nullopt),
                    std::exchange(writer_, nullptr), now};
    if (closing_) opening.closing = std::move(closing_);
    return opening;
}

Found FileStorage::take(Opened opened) {
    damage_.reset();
    writer_ = std::move(opened.writer);
    newest_ = sampling::newest_time(newest_, opened.found.newest);
    holding_.bytes = opened.bytes;
    holding_.rows = opened.rows;
    holding_.counted = opened.is_counted;
    counted_ = opened.counted;
    inside_ = std::make_shared<Inside>();
    inside_->max_bytes = options_.max_bytes;
    inside_->sent = opened.found.sent;
    return std::move(opened.found);
}

Result<Found> FileStorage::open(UtcMillis now) {
    auto opened = open_or_replace(opening(now));
    if (!opened) return opened.error();
    return begin(take(std::move(*opened)), now);
}

Task<Result<Found>> FileStorage::open_aside(UtcMillis now) {
    aside_ = std::make_unique<asio::thread_pool>(1);
    auto work = [opening = opening(now)]() mutable { return open_or_replace(std::move(opening)); };
    auto working = run_blocking(*aside_, std::move(work));
    auto opened = co_await std::move(working);
    aside_.reset();
    if (!opened) co_return opened.error();
    co_return begin(take(std::move(*opened)), now);
}

/// A power cut may have taken the last commits with it: their positions were seen by the host and must not come again.
Found FileStorage::begin(Found found, UtcMillis now) {
    found.last = std::max(found.last, now.count);
    last_ = count_until_ = found.last;
    return found;
}

/// Rows up to the last one are counted, a slice at a time; later ones as they come.
void FileStorage::begin_counting() {
    holding_.rows = {};
    holding_.counted = false;
    counted_ = 0;
    count_until_ = last_;
}

void FileStorage::note(const Error& error) {
    if (error.code == ErrorCode::corrupt) {
        damage_ = error.to_string();
        // Closing it waits for the disk: not here.
        closing_ = std::exchange(writer_, nullptr);
        return;
    }
    // What of the change was made isn't known here.
    begin_counting();
}

namespace {

Result<Done> make(sqlite::Database& database, spool_file::Shapes& shapes, const Change& change, Position sent,
                  std::uint64_t max_bytes, Newest newest) {
    LABHUB_CHECK(shapes.load(database));
    LABHUB_CHECK(spool_file::append(database, shapes, change.rows));
    if (change.sent) LABHUB_CHECK(spool_file::set_mark(database, "sent", *change.sent));
    Done done;
    if (change.forget) {
        LABHUB_TRY(done.forgotten, spool_file::forget(database, *change.forget, kForgetStep));
        LABHUB_CHECK(spool_file::set_newest(database, newest.time, newest.position));
    }
    for (std::size_t of = 0; of < kClasses; ++of) {
        if (!change.too_old[of]) continue;
        LABHUB_TRY(const spool_file::Gone old,
                   spool_file::drop_old(database, static_cast<Class>(of), *change.too_old[of], sent));
        done.dropped.add(old);
        if (total(old.rows) >= static_cast<std::uint64_t>(spool_file::kDropStep)) done.dropped_all_old = false;
    }
    if (max_bytes > 0) {
        LABHUB_TRY(const spool_file::Gone over, spool_file::drop_to_bounds(database, max_bytes, sent));
        if (total(over.rows) > 0) LABHUB_CHECK(spool_file::set_newest(database, newest.time, newest.position));
        done.dropped.add(over);
    }
    LABHUB_TRY(done.bytes, spool_file::used_bytes(database));
    return done;
}

}  // namespace

PerClass FileStorage::count_in(const std::vector<Row>& rows) {
    PerClass added{};
    for (const Row& row : rows) {
        ++added[static_cast<std::size_t>(row.of)];
        last_ = std::max(last_, row.position);
        if (row.batch->is_late) continue;
        for (const Reading& reading : row.batch->readings) newest_ = sampling::newest_time(newest_, reading.time);
    }
    return added;
}

Task<Result<Changed>> FileStorage::change(Change change) {
    if (!writer_) {
        Error closed{ErrorCode::unavailable, "the spool's file is not open"};
        co_return closed;
    }
    // Counting goes from the oldest row on: nothing there may go meanwhile.
    if (!holding_.counted) change.forget.reset(), change.too_old = {};
    const PerClass added = count_in(change.rows);
    auto work = [inside = inside_, change = std::move(change), newest = Newest{newest_, last_},
                 max_bytes = holding_.counted ? options_.max_bytes : 0](sqlite::Database& database) -> Result<Done> {
        if (change.sent) inside->sent = std::max(inside->sent, *change.sent);
        auto done = make(database, inside->shapes, change, inside->sent, max_bytes, newest);
        if (!done) inside->shapes.distrust();
        return done;
    };
    const auto writer = writer_;
    auto writing = writer->write(std::move(work));
    auto done = co_await std::move(writing);
    if (!done) {
        note(done.error());
        co_return done.error();
    }
    for (std::size_t i = 0; i < kClasses; ++i) holding_.rows[i] += added[i];
    take_away(holding_.rows, done->forgotten.rows);
    take_away(holding_.rows, done->dropped.rows);
    holding_.bytes = done->bytes;
    Changed changed;
    changed.dropped = done->dropped.rows;
    changed.unconfirmed = done->dropped.unconfirmed;
    for (std::size_t i = 0; i < kClasses; ++i) changed.dropped[i] += std::exchange(damaged_[i], 0);
    changed.dropped_all_old = done->dropped_all_old;
    changed.forgot_all = holding_.counted && total(done->forgotten.rows) < kForgetStep;
    co_return changed;
}

Task<Result<std::vector<Row>>> FileStorage::read_after(Position after, ReadLimit limit) {
    if (!writer_) {
        Error closed{ErrorCode::unavailable, "the spool's file is not open"};
        co_return closed;
    }
    auto work = [inside = inside_, after, limit](sqlite::Database& database) -> Result<spool_file::Read> {
        LABHUB_CHECK(inside->shapes.load(database));
        return spool_file::read_after(database, inside->shapes, after, limit);
    };
    const auto writer = writer_;
    auto reading = writer->write(std::move(work));
    auto read = co_await within(kSlowestRead, "read stored readings", std::move(reading));
    if (!read) {
        if (read.error().code == ErrorCode::corrupt) note(read.error());
        co_return read.error();
    }
    take_away(holding_.rows, read->damaged.rows);
    for (std::size_t i = 0; i < kClasses; ++i) damaged_[i] += read->damaged.rows[i];
    co_return std::move(read->rows);
}

Task<Result<void>> FileStorage::count_some() {
    if (holding_.counted || !writer_) co_return Result<void>();
    const Position after = counted_, until = count_until_;
    auto work = [after, until](sqlite::Database& database) { return spool_file::count(database, after, until); };
    const auto writer = writer_;
    auto counting = writer->write(std::move(work));
    const auto slice = co_await within(kSlowestRead, "count stored readings", std::move(counting));
    if (!slice) {
        if (slice.error().code == ErrorCode::corrupt) note(slice.error());
        co_return slice.error();
    }
    // Counting may have begun anew meanwhile.
    if (after != counted_ || until != count_until_) co_return Result<void>();
    for (std::size_t i = 0; i < kClasses; ++i) holding_.rows[i] += slice->rows[i];
    counted_ = slice->counted;
    holding_.counted = slice->is_last;
    co_return Result<void>();
}

}  // namespace labhub::agent::spool
