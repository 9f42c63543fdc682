#include "coordinator/store/telemetry/spool_positions.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/store/telemetry/summary.hpp"

namespace labhub::coordinator::store::telemetry {

void SpoolPositions::load(const std::vector<StoredPosition>& rows) {
    const std::lock_guard lock(mutex_);
    for (const auto& row : rows) places_[row.node] = {row.life, row.position, true};
}

void SpoolPositions::write(std::span<const SpoolPosition> positions, ByteWriter& out) {
    out.varint(kMark);
    out.varint(positions.size());
    for (const auto& each : positions) {
        out.text(each.node.value);
        out.fixed(hash_of(each.life));
        out.varint(zigzag(each.position));
    }
}

bool SpoolPositions::read(ByteReader& in) {
    const auto count = in.varint();
    if (count == 0) return clear(), in.is_good();
    for (std::uint64_t i = 0; i < count && in.is_good(); ++i) {
        StoredPosition read;
        read.node.value = in.text();
        read.life = in.fixed<std::uint64_t>();
        read.position = unzigzag(in.varint());
        const std::lock_guard lock(mutex_);
        if (in.is_good()) put(std::move(read));
    }
    return in.is_good();
}

void SpoolPositions::stored(std::span<const SpoolPosition> positions) {
    const std::lock_guard lock(mutex_);
    for (const auto& each : positions) put({each.node, hash_of(each.life), each.position});
}

/// Under the mutex.
void SpoolPositions::put(StoredPosition position) {
    const auto [found, is_new] =
        places_.try_emplace(std::move(position.node), Place{position.life, position.position, false});
    Place& place = found->second;
    if (is_new || (place.life == position.life && place.position >= position.position)) return;
    place = {position.life, position.position, false};
}

std::optional<std::int64_t> SpoolPositions::find(const NodeId& node, std::string_view life) const {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(node);
    if (found == places_.end() || found->second.life != hash_of(life)) return std::nullopt;
    return found->second.position;
}

std::vector<StoredPosition> SpoolPositions::untabled() const {
    const std::lock_guard lock(mutex_);
    std::vector<StoredPosition> rows;
    for (const auto& [node, place] : places_)
        if (!place.is_tabled) rows.push_back({node, place.life, place.position});
    return rows;
}

void SpoolPositions::tabled(std::span<const StoredPosition> positions) {
    const std::lock_guard lock(mutex_);
    for (const auto& row : positions) {
        const auto found = places_.find(row.node);
        const bool is_same =
            found != places_.end() && found->second.life == row.life && found->second.position == row.position;
        if (is_same) found->second.is_tabled = true;
    }
}

void SpoolPositions::clear() {
    const std::lock_guard lock(mutex_);
    places_.clear();
}

}  // namespace labhub::coordinator::store::telemetry
