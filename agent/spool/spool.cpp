#include "agent/spool/spool.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "agent/state/state_database.hpp"

namespace labhub::agent::spool {
namespace {

constexpr std::size_t kMaxWaiting = 256;
constexpr std::chrono::milliseconds kCommitSpacing{20};
constexpr std::chrono::milliseconds kSlowestCommit{2'000};
constexpr std::chrono::milliseconds kRetry{5'000};
constexpr std::uint64_t kForgetStep = 2'000;

}  // namespace

Spool::Spool(asio::any_io_executor executor, std::filesystem::path file, Bounds bounds, const Clock& clock)
    : executor_(executor),
      file_(std::move(file)),
      bounds_(bounds),
      clock_(clock),
      wake_(executor, Steady::time_point::max()) {}

void Spool::append(Batch batch) { push(Item{std::move(batch)}); }

void Spool::after_pending(std::function<void()> event) { push(Item{std::move(event)}); }

void Spool::push(Item item) {
    if (waiting_.size() >= kMaxWaiting) {
        // Events must not be lost: the oldest batch goes.
        const auto oldest =
            std::find_if(waiting_.begin(), waiting_.end(), [](const Item& i) { return i.index() == 0; });
        if (oldest != waiting_.end()) waiting_.erase(oldest), ++state_.dropped;
    }
    waiting_.push_back(std::move(item));
    wake_.cancel();
}

Result<void> Spool::open() {
    writer_.reset();
    if (must_replace_) {
        LABHUB_CHECK(state::move_aside(file_, clock_.utc_now()));
        must_replace_ = false;
    }
    LABHUB_TRY(sqlite::Database database, spool_file::open(file_, clock_.utc_now()));
    LABHUB_TRY(state_.depth, spool_file::count(database));
    LABHUB_TRY(state_.last, spool_file::last_position(database));
    LABHUB_TRY(state_.acknowledged, spool_file::acknowledged(database));
    LABHUB_TRY(std::unique_ptr<sqlite::Writer> writer, sqlite::Writer::start(std::move(database)));
    writer_ = std::move(writer);
    return {};
}

void Spool::failed(const Error& error) {
    if (state_.problem.empty())
        spdlog::error("spool: {}; live data goes on without it, retried every {}", error.to_string(),
                      format_duration(kRetry));
    state_.problem = error.to_string();
    retry_at_ = clock_.steady_now() + kRetry;
    if (error.code != ErrorCode::corrupt) return;
    must_replace_ = true;
    writer_.reset();
}

bool Spool::ready_to_store() {
    if (!state_.problem.empty() && clock_.steady_now() < retry_at_) return false;
    if (writer_) return true;
    auto opened = open();
    if (!opened && opened.error().code == ErrorCode::corrupt) {
        failed(opened.error());
        opened = open();
    }
    if (!opened) {
        failed(opened.error());
        return false;
    }
    if (!state_.problem.empty()) spdlog::info("spool: open again");
    state_.problem.clear();
    return true;
}

Task<std::vector<Position>> Spool::store(const std::vector<Batch>* batches) {
    std::vector<Position> positions(batches->size(), 0);
    if (!ready_to_store()) {
        state_.dropped += batches->size();
        co_return positions;
    }
    std::vector<std::string> bytes, devices;
    for (const Batch& batch : *batches) bytes.push_back(encode_batch(batch)), devices.push_back(batch.device);
    auto work = [bytes = std::move(bytes), devices = std::move(devices), now = clock_.utc_now(), bounds = bounds_](
                    sqlite::Database& database) { return spool_file::append(database, bytes, devices, now, bounds); };
    auto writing = writer_->write(std::move(work));
    auto appended = co_await within(kSlowestCommit, "store readings", std::move(writing));
    if (!appended) {
        failed(appended.error());
        state_.dropped += batches->size();
        co_return positions;
    }
    if (!state_.problem.empty()) spdlog::info("spool: storing works again");
    state_.problem.clear();
    state_.dropped += appended->dropped;
    state_.depth += batches->size();
    state_.depth -= std::min(state_.depth, appended->dropped);
    state_.last = appended->positions.back();
    co_return std::move(appended->positions);
}

Task<void> Spool::forget_acknowledged() {
    if (!acknowledgement_ || !writer_) co_return;
    const Acknowledgement asked = *acknowledgement_;
    auto work = [asked](sqlite::Database& database) {
        return spool_file::acknowledge(database, asked.upto, asked.withheld, kForgetStep);
    };
    auto writing = writer_->write(std::move(work));
    auto forgotten = co_await within(kSlowestCommit, "forget acknowledged readings", std::move(writing));
    if (!forgotten) {
        failed(forgotten.error());
        acknowledgement_.reset();
        co_return;
    }
    state_.depth -= std::min(state_.depth, *forgotten);
    state_.acknowledged = std::max(state_.acknowledged, asked.upto);
    if (*forgotten < kForgetStep && acknowledgement_->upto == asked.upto) acknowledgement_.reset();
}

Task<void> Spool::step() {
    if (!waiting_.empty() && waiting_.front().index() == 1) {
        const auto event = std::move(std::get<1>(waiting_.front()));
        waiting_.pop_front();
        event();
        co_return;
    }
    std::vector<Batch> batches;
    while (!waiting_.empty() && waiting_.front().index() == 0) {
        batches.push_back(std::move(std::get<0>(waiting_.front())));
        waiting_.pop_front();
    }
    if (!batches.empty()) {
        const std::vector<Position> positions = co_await store(&batches);
        for (std::size_t i = 0; i < batches.size(); ++i)
            if (sink_) sink_(batches[i], positions[i]);
    }
    co_await forget_acknowledged();
}

Task<void> Spool::flush() {
    while (!waiting_.empty()) co_await step();
}

Task<void> Spool::run() {
    ready_to_store();
    while (true) {
        while (!waiting_.empty() || (acknowledgement_ && writer_)) {
            co_await step();
            if (waiting_.empty() || waiting_.front().index() == 0) co_await sleep_for(kCommitSpacing);
        }
        co_await wake_.async_wait(as_result);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

Task<Result<std::vector<Row>>> Spool::read_after(Position after, std::uint32_t limit) {
    if (!writer_) {
        Error away{ErrorCode::unavailable, "the spool doesn't work", state_.problem};
        co_return away;
    }
    // Kept alive here: a failure of another task may drop the spool's own.
    const auto writer = writer_;
    auto work = [after, limit](sqlite::Database& database) { return spool_file::read_after(database, after, limit); };
    auto reading = writer->write(std::move(work));
    co_return co_await within(kSlowestCommit * 5, "read stored readings", std::move(reading));
}

void Spool::acknowledge(Position upto, std::vector<std::string> withheld) {
    if (upto > state_.last) {
        spdlog::warn("spool: the host acknowledged position {}, the last one is {}: ignored", upto, state_.last);
        return;
    }
    if (upto <= state_.acknowledged) return;
    if (acknowledgement_ && acknowledgement_->upto > upto) return;
    acknowledgement_ = Acknowledgement{upto, std::move(withheld)};
    wake_.cancel();
}

}  // namespace labhub::agent::spool
