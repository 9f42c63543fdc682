#include "agent/spool/spool.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::agent::spool {
namespace {

constexpr std::chrono::milliseconds kUrgentCommit{10};
constexpr std::chrono::milliseconds kRetry{5'000};
/// What was acknowledged goes with the next commit, but not more often than this: the pages it frees are in use again
/// soon, and each commit writes them.
constexpr std::chrono::milliseconds kTidy{500};
constexpr std::chrono::milliseconds kLookAtAges{30'000};

}  // namespace

std::uint64_t total(const PerClass& counts) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts) sum += count;
    return sum;
}

Spool::Spool(asio::any_io_executor executor, std::unique_ptr<Storage> storage, Options options, const Clock& clock)
    : executor_(executor),
      storage_(std::move(storage)),
      options_(options),
      clock_(clock),
      wake_(executor, Steady::time_point::max()),
      slow_(executor),
      opened_(executor) {}

void Spool::append(Class of, Batch batch) {
    if (of != Class::reading) is_urgent_ = true;
    Waiting waiting{of, std::make_shared<const Batch>(std::move(batch))};
    if (is_slow_) give(waiting);
    push(std::move(waiting));
}

void Spool::after_pending(std::function<void()> event) {
    // All that was appended before has been given on.
    if (is_slow_) return event();
    is_urgent_ = true;
    push(Event(std::move(event)));
}

void Spool::give(Waiting& waiting) {
    waiting.is_given = true;
    if (sink_) sink_(*waiting.batch, 0);
}

/// The disk takes long: nothing is lost by waiting for it, but live data and events mustn't.
void Spool::give_early() {
    is_slow_ = true;
    if (state_.problem.empty()) {
        state_.problem = slow_text();
        spdlog::warn("spool: {}; live data goes on, and readings wait to be stored", state_.problem);
    }
    for (Waiting& each : in_hand_)
        if (!each.is_given) give(each);
    for (Item& item : std::exchange(waiting_, {})) {
        if (item.index() == 1) {
            std::get<1>(item)();
            continue;
        }
        if (!std::get<0>(item).is_given) give(std::get<0>(item));
        waiting_.push_back(std::move(item));
    }
}

void Spool::begin_step() {
    is_stepping_ = true;
    slow_.expires_after(options_.slow_disk);
    slow_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](boost::system::error_code failure) {
        if (!failure && !alive.expired() && is_stepping_) give_early();
    });
}

std::string Spool::slow_text() const { return "the disk has not answered for " + format_duration(options_.slow_disk); }

void Spool::end_step() {
    if (is_slow_ && state_.problem == slow_text()) {
        spdlog::info("spool: the disk answers again");
        state_.problem.clear();
    }
    is_stepping_ = false;
    is_slow_ = false;
    slow_.cancel();
}

/// Events must not be lost: the oldest batch of what matters least goes.
void Spool::drop_one_waiting() {
    for (const Class of : {Class::reading, Class::state_change, Class::alarm}) {
        const auto oldest = std::find_if(waiting_.begin(), waiting_.end(), [of](const Item& item) {
            return item.index() == 0 && std::get<0>(item).of == of;
        });
        if (oldest == waiting_.end()) continue;
        waiting_.erase(oldest);
        ++state_.dropped[static_cast<std::size_t>(of)];
        return;
    }
}

void Spool::push(Item item) {
    if (waiting_.size() >= options_.max_waiting) drop_one_waiting();
    waiting_.push_back(std::move(item));
    if (!is_pacing_ || is_urgent_) wake_.cancel();
}

void Spool::opened(const Found& found) {
    is_open_ = true;
    state_.last = std::max(state_.last, found.last);
    state_.acknowledged = std::max(state_.acknowledged, found.acknowledged);
    state_.sent = std::max(state_.sent, found.sent);
    state_.newest = std::max(state_.newest, found.newest);
    state_.holding = storage_->holding();
    ages_.begin(state_.last);
    if (!found.was_replaced) return;
    ++state_.replaced;
    state_.replaced_why = found.damage;
}

void Spool::failed(const Error& error) {
    if (state_.problem.empty() || state_.problem == slow_text())
        spdlog::error("spool: {}; live data goes on without it, retried every {}", error.to_string(),
                      format_duration(kRetry));
    state_.problem = error.to_string();
    retry_at_ = clock_.steady_now() + kRetry;
    // A damaged one is set aside at once.
    if (error.code != ErrorCode::corrupt) return;
    is_open_ = false;
    retry_at_ = clock_.steady_now();
}

bool Spool::may_store() const { return clock_.steady_now() >= retry_at_; }

void Spool::open() {
    if (!is_open_ && may_store()) tried_to_open(storage_->open(clock_.utc_now()));
}

Task<bool> Spool::ready_to_store() {
    if (!may_store()) co_return false;
    if (is_open_) co_return true;
    auto opening = storage_->open_aside(clock_.utc_now());
    const auto found = co_await std::move(opening);
    tried_to_open(found);
    co_return found.has_value();
}

void Spool::tried_to_open(const Result<Found>& found) {
    has_tried_ = true;
    opened_.cancel();
    if (!found) {
        failed(found.error());
        retry_at_ = clock_.steady_now() + kRetry;
        return;
    }
    opened(*found);
    if (!state_.problem.empty()) spdlog::info("spool: open again");
    state_.problem.clear();
}

Task<void> Spool::wait_until_opened(std::chrono::milliseconds limit) {
    if (has_tried_) co_return;
    opened_.expires_after(limit);
    co_await opened_.async_wait(as_result);
}

Task<Result<Changed>> Spool::change(std::vector<Row> rows) {
    Change change;
    const auto now = clock_.steady_now();
    for (const Row& row : rows) ages_.stored(row.position, now);
    change.rows = std::move(rows);
    const auto forget = forget_;
    const auto sent = sent_;
    if (is_tidying_due()) {
        change.forget = forget;
        change.sent = sent;
        tidied_at_ = now;
    }
    if (is_aging_ || now - aged_at_ >= kLookAtAges) {
        const auto of = [&](std::chrono::milliseconds age) { return ages_.limit(age, now, clock_.utc_now()); };
        change.too_old = {of(options_.max_event_age), of(options_.max_event_age), of(options_.max_age)};
        aged_at_ = now;
    }
    const bool tidies = change.forget || change.sent;
    auto changing = storage_->change(std::move(change));
    auto changed = co_await std::move(changing);
    if (!changed) co_return changed;
    if (!state_.problem.empty()) spdlog::info("spool: storing works again");
    state_.problem.clear();
    is_aging_ = !changed->dropped_all_old;
    for (std::size_t i = 0; i < kClasses; ++i) state_.dropped[i] += changed->dropped[i];
    state_.unconfirmed += changed->unconfirmed;
    state_.holding = storage_->holding();
    if (!tidies) co_return changed;
    if (sent) state_.sent = *sent;
    if (sent_ == sent) sent_.reset();
    if (forget) state_.acknowledged = std::max(state_.acknowledged, forget->upto);
    if (forget && changed->forgot_all && forget_ && forget_->upto == forget->upto) forget_.reset();
    co_return changed;
}

/// What is in hand: stored, then given on.
Task<void> Spool::store() {
    bool is_stored = co_await ready_to_store();
    std::vector<Row> rows;
    for (const Waiting& each : in_hand_) {
        if (!is_stored) break;
        rows.push_back(Row{++state_.last, each.of, each.batch});
    }
    std::vector<Position> positions(in_hand_.size(), 0);
    for (std::size_t i = 0; i < rows.size(); ++i) positions[i] = rows[i].position;
    if (is_stored) {
        auto changing = change(std::move(rows));
        const auto changed = co_await std::move(changing);
        is_stored = changed.has_value();
        if (!changed) failed(changed.error());
    }
    for (std::size_t i = 0; i < in_hand_.size(); ++i) {
        const Waiting& each = in_hand_[i];
        if (!is_stored) ++state_.dropped[static_cast<std::size_t>(each.of)];
        if (!sink_ || (each.is_given && !is_stored)) continue;
        Batch late;
        if (each.is_given) late = *each.batch;
        late.is_late = true;
        sink_(each.is_given ? late : *each.batch, is_stored ? positions[i] : 0);
    }
    in_hand_.clear();
}

bool Spool::is_tidying_due() const { return (forget_ || sent_) && clock_.steady_now() - tidied_at_ >= kTidy; }

bool Spool::has_tidying() const { return is_open_ && (!state_.holding.counted || is_aging_ || is_tidying_due()); }

/// What is left to do of counting and forgetting, where no commit did it on the way.
Task<void> Spool::tidy() {
    // After a failure too, once it is time to try again: forgetting may be what makes room, or all that is left to do.
    if (!is_open_ || !may_store()) co_return;
    if (!state_.holding.counted) {
        const auto counted = co_await storage_->count_some();
        // One that takes long is only begun again.
        if (!counted && counted.error().code != ErrorCode::timed_out) failed(counted.error());
        state_.holding = storage_->holding();
        co_return;
    }
    if (!has_tidying()) co_return;
    auto changing = change({});
    const auto changed = co_await std::move(changing);
    if (!changed) failed(changed.error());
}

Task<void> Spool::step() {
    // One at a time: flush() may come while run() is at it.
    while (is_stepping_) co_await sleep_for(kUrgentCommit);
    if (!waiting_.empty() && waiting_.front().index() == 1) {
        const Event event = std::move(std::get<1>(waiting_.front()));
        waiting_.pop_front();
        event();
        co_return;
    }
    while (!waiting_.empty() && waiting_.front().index() == 0) {
        in_hand_.push_back(std::move(std::get<0>(waiting_.front())));
        waiting_.pop_front();
    }
    is_urgent_ = false;
    begin_step();
    if (!in_hand_.empty()) co_await store();
    co_await tidy();
    end_step();
}

Task<Result<void>> Spool::flush_all() {
    tidied_at_ = {};
    do co_await step();
    while (!waiting_.empty());
    co_return Result<void>();
}

Task<void> Spool::flush(std::chrono::milliseconds limit) {
    const auto flushed = co_await within(limit, "store what waits", flush_all());
    if (!flushed) spdlog::error("spool: {}", flushed.error().to_string());
}

/// Lets a commit interval pass; something urgent cuts it short, but not to nothing.
Task<void> Spool::pace() {
    const auto begun = Steady::now();
    is_pacing_ = true;
    wake_.expires_at(begun + options_.commit_interval);
    if (!is_urgent_) co_await wake_.async_wait(as_result);
    is_pacing_ = false;
    const auto least = begun + std::min(options_.commit_interval, kUrgentCommit);
    const auto now = Steady::now();
    if (now < least) co_await sleep_for(least - now);
}

bool Spool::has_work() const {
    if (!waiting_.empty()) return true;
    return has_tidying();
}

Task<void> Spool::run() {
    begin_step();
    co_await ready_to_store();
    end_step();
    while (true) {
        while (has_work()) {
            co_await step();
            const bool is_event = !waiting_.empty() && waiting_.front().index() == 1;
            if (!is_event) co_await pace();
        }
        const bool tidies = is_open_ && (forget_ || sent_);
        wake_.expires_at(tidies ? Steady::now() + kTidy : Steady::time_point::max());
        co_await wake_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

Task<Result<std::vector<Row>>> Spool::read_after(Position after, ReadLimit limit) {
    if (!is_open_) {
        Error away{ErrorCode::unavailable, "the spool doesn't work", state_.problem};
        co_return away;
    }
    auto reading = storage_->read_after(after, limit);
    auto rows = co_await std::move(reading);
    if (!rows && rows.error().code == ErrorCode::corrupt) failed(rows.error());
    co_return rows;
}

void Spool::acknowledge(Position upto, std::vector<std::string> withheld) {
    if (upto > state_.last) {
        spdlog::warn("spool: the host acknowledged position {}, the last one is {}: ignored", upto, state_.last);
        return;
    }
    if (upto <= state_.acknowledged) return;
    // The same position once more may be an old word, of before some devices' rows were begun again: the first counts.
    if (forget_ && forget_->upto >= upto) return;
    forget_ = Forget{upto, std::move(withheld)};
    wake_.cancel();
}

void Spool::note_sent(Position upto) {
    if (upto <= std::max(state_.sent, sent_.value_or(0))) return;
    sent_ = upto;
}

}  // namespace labhub::agent::spool
