#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordinator/store/telemetry/bytes.hpp"
#include "coordinator/store/telemetry/journal.hpp"
#include "coordinator/store/telemetry/types.hpp"

namespace labhub::coordinator::store::telemetry {

/// How far each node's spool is stored. Positions go into the journal within the row of the readings they cover, so
/// that no crash leaves one without the other, and into a table of their own when those rows are trimmed. Any thread.
class SpoolPositions {
  public:
    /// As the table has them.
    void load(const std::vector<StoredPosition>& rows);
    /// Writes them into a row of readings, behind kMark; none: all positions of rows before it are void.
    static void write(std::span<const SpoolPosition> positions, ByteWriter& out);
    /// Takes over what write() wrote, kMark read already. False: it makes no sense.
    bool read(ByteReader& in);
    /// These are on disk. Within a life the highest counts: a node that repeats itself has not become less stored.
    void stored(std::span<const SpoolPosition> positions);

    std::optional<std::int64_t> find(const NodeId& node, std::string_view life) const;
    /// Those the table doesn't have yet.
    std::vector<StoredPosition> untabled() const;
    /// The table has these now.
    void tabled(std::span<const StoredPosition> positions);
    void clear();

    /// Stands where a row of readings has a series, which count from 1.
    static constexpr std::uint32_t kMark = 0;

  private:
    struct Place {
        std::uint64_t life = 0;
        std::int64_t position = 0;
        bool is_tabled = false;
    };
    void put(StoredPosition position);

    mutable std::mutex mutex_;
    std::unordered_map<NodeId, Place> places_;
};

}  // namespace labhub::coordinator::store::telemetry
