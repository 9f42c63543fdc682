#include "agent/spool/memory_storage.hpp"

#include <algorithm>

#include "agent/sampling/rising_time.hpp"

namespace labhub::agent::spool {
namespace {

constexpr std::size_t kMaxShapes = 64;

}  // namespace

Result<Found> MemoryStorage::open(UtcMillis now) {
    found_.last = std::max(found_.last, now.count);
    return found_;
}

std::uint64_t MemoryStorage::cost(const Kept& kept) { return sizeof(Kept) + kept.device.size() + kept.bytes.size(); }

std::uint32_t MemoryStorage::shape(const Batch& batch) {
    Shape wanted = shape_of(batch);
    auto known = std::find(shapes_.begin(), shapes_.end(), wanted);
    if (known == shapes_.end()) {
        if (shapes_.size() >= kMaxShapes) return 0;
        shapes_.push_back(std::move(wanted));
        known = std::prev(shapes_.end());
    }
    return static_cast<std::uint32_t>(known - shapes_.begin()) + 1;
}

void MemoryStorage::add(const Row& row) {
    if (!rows_) rows_ = std::make_unique<Rows>();
    const std::uint32_t known = row.of == Class::reading ? shape(*row.batch) : 0;
    Kept kept{row.position, row.of, {}, row.batch->device, encode_batch(*row.batch, known)};
    for (const Reading& reading : row.batch->readings) kept.time = std::max(kept.time, reading.time);
    if (!row.batch->is_late) found_.newest = sampling::newest_time(found_.newest, kept.time);
    found_.last = std::max(found_.last, row.position);
    bytes_ += cost(kept);
    ++rows_of_[static_cast<std::size_t>(row.of)];
    rows_->push_back(std::move(kept));
}

MemoryStorage::Rows::iterator MemoryStorage::remove(Rows::iterator at) {
    bytes_ -= cost(*at);
    --rows_of_[static_cast<std::size_t>(at->of)];
    return rows_->erase(at);
}

void MemoryStorage::forget(const Forget& forget) {
    found_.acknowledged = std::max(found_.acknowledged, forget.upto);
    for (auto at = rows_->begin(); at != rows_->end() && at->position <= forget.upto;) {
        const bool stays =
            std::find(forget.withheld.begin(), forget.withheld.end(), at->device) != forget.withheld.end();
        at = stays ? std::next(at) : remove(at);
    }
}

void MemoryStorage::drop_old(Class of, const AgeLimit& limit, Changed& changed) {
    for (auto at = rows_->begin(); at != rows_->end();) {
        const bool is_own = at->position >= limit.own_from;
        const bool is_old = is_own ? at->position <= limit.own_through : at->time < limit.former_before;
        if (is_own && !is_old) return;
        if (at->of != of || !is_old) {
            ++at;
            continue;
        }
        ++(at->position <= found_.sent ? changed.unconfirmed : changed.dropped[static_cast<std::size_t>(of)]);
        at = remove(at);
    }
}

void MemoryStorage::drop_to_bounds(Changed& changed) {
    while (bytes_ > max_bytes_ && !rows_->empty() && rows_->front().position <= found_.sent) {
        ++changed.unconfirmed;
        remove(rows_->begin());
    }
    for (const Class of : {Class::reading, Class::state_change, Class::alarm})
        for (auto at = rows_->begin(); bytes_ > max_bytes_ && at != rows_->end();) {
            if (at->of != of) {
                ++at;
                continue;
            }
            ++changed.dropped[static_cast<std::size_t>(of)];
            at = remove(at);
        }
}

Task<Result<Changed>> MemoryStorage::change(Change change) {
    Changed changed;
    for (const Row& row : change.rows) add(row);
    if (change.sent) found_.sent = std::max(found_.sent, *change.sent);
    if (!rows_) co_return changed;
    if (change.forget) forget(*change.forget);
    for (std::size_t of = 0; of < kClasses; ++of)
        if (change.too_old[of]) drop_old(static_cast<Class>(of), *change.too_old[of], changed);
    drop_to_bounds(changed);
    if (rows_->empty()) rows_.reset();
    co_return changed;
}

Task<Result<std::vector<Row>>> MemoryStorage::read_after(Position after, ReadLimit limit) {
    std::vector<Row> rows;
    if (!rows_) co_return rows;
    auto at = std::upper_bound(rows_->begin(), rows_->end(), after,
                               [](Position position, const Kept& kept) { return position < kept.position; });
    std::size_t bytes = 0;
    for (; at != rows_->end() && rows.size() < limit.rows && (rows.empty() || bytes < limit.bytes); ++at) {
        bytes += at->bytes.size();
        const auto shape = shape_in(at->bytes);
        auto batch = decode_batch(at->bytes, shape && *shape ? &shapes_[*shape - 1] : nullptr);
        if (!batch) co_return batch.error();
        batch->device = at->device;
        Row row{at->position, at->of, std::make_shared<const Batch>(std::move(*batch))};
        rows.push_back(std::move(row));
    }
    co_return rows;
}

Task<Result<void>> MemoryStorage::count_some() { co_return Result<void>(); }

}  // namespace labhub::agent::spool
