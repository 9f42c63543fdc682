#include <algorithm>
#include <map>
#include <queue>

#include "coordinator/store/telemetry/parts.hpp"

namespace labhub::coordinator::store {

/// A cursor for each series, merged by a queue of the next sample of each.
class ScanState {
  public:
    ScanState(TelemetryStore::Parts& parts, const std::vector<SeriesId>& series, std::int64_t from, std::int64_t to)
        : parts(parts) {
        for (const auto id : series) strands_.push_back({telemetry::SeriesCursor(parts.sources, id, from, to), {}, 0});
    }

    Result<std::vector<ScannedSample>> next(std::size_t most) {
        if (!std::exchange(is_begun_, true))
            for (std::size_t i = 0; i < strands_.size(); ++i) LABHUB_CHECK(refill(i));
        std::vector<ScannedSample> page;
        while (!queue_.empty()) {
            const auto [time, place] = queue_.top();
            if (page.size() >= most && page.back().sample.time.count != time) break;
            queue_.pop();
            Strand& strand = strands_[place];
            page.push_back({place, unpack(strand.list.samples[strand.next++], strand.list.texts)});
            if (strand.next < strand.list.size())
                queue_.emplace(strand.list.samples[strand.next].time(), place);
            else
                LABHUB_CHECK(refill(place));
        }
        return page;
    }

    std::uint64_t damaged() const {
        std::uint64_t damaged = 0;
        for (const auto& strand : strands_) damaged += strand.cursor.damaged();
        return damaged;
    }

    TelemetryStore::Parts& parts;

  private:
    using Next = std::pair<std::int64_t, std::size_t>;  ///< time, place

    struct Strand {
        telemetry::SeriesCursor cursor;
        telemetry::SampleList list;
        std::size_t next = 0;
    };

    Result<void> refill(std::size_t place) {
        Strand& strand = strands_[place];
        LABHUB_TRY(strand.list, strand.cursor.read());
        strand.next = 0;
        if (!strand.list.empty()) queue_.emplace(strand.list.first(), place);
        return {};
    }

    std::vector<Strand> strands_;
    std::priority_queue<Next, std::vector<Next>, std::greater<>> queue_;
    bool is_begun_ = false;
};

SampleScan::SampleScan(std::unique_ptr<ScanState> state) : state_(std::move(state)) {}
SampleScan::~SampleScan() = default;
SampleScan::SampleScan(SampleScan&&) noexcept = default;

Task<Result<std::vector<ScannedSample>>> SampleScan::next(std::size_t most) {
    return state_->parts.read([state = state_, most] { return state->next(most); });
}
Result<std::vector<ScannedSample>> SampleScan::next_here(std::size_t most) { return state_->next(most); }
std::uint64_t SampleScan::damaged_blocks() const { return state_->damaged(); }

SampleScan TelemetryStore::scan(std::vector<SeriesId> series, UtcMillis from, UtcMillis to) {
    return SampleScan(std::make_unique<ScanState>(*parts_, series, from.count, to.count));
}

namespace {

constexpr std::size_t kPage = 4'096;

Result<void> for_each(ScanState& scan, const std::function<Result<void>(const ScannedSample&)>& sample) {
    while (true) {
        if (scan.parts.is_closing) return TelemetryStore::Parts::closing();
        LABHUB_TRY(const auto page, scan.next(kPage));
        if (page.empty()) return {};
        for (const auto& one : page) LABHUB_CHECK(sample(one));
    }
}

/// Makes rows of samples that come in order of time.
class RowMaker {
  public:
    using Emit = std::function<Result<void>(const TelemetryRow&)>;
    RowMaker(std::vector<std::optional<std::size_t>> columns, std::size_t width, const Emit& emit)
        : columns_(std::move(columns)), width_(width), emit_(emit) {}

    Result<void> add(const ScannedSample& one) {
        if (has_row_ && one.sample.time != row_.time) LABHUB_CHECK(flush());
        if (!has_row_) row_ = TelemetryRow{one.sample.time, std::vector<Value>(width_)};
        has_row_ = true;
        const auto column = columns_[one.series];
        if (column && one.sample.quality != Quality::bad) row_.values[*column] = one.sample.value;
        return {};
    }
    Result<void> flush() {
        if (!std::exchange(has_row_, false)) return {};
        return emit_(row_);
    }

  private:
    std::vector<std::optional<std::size_t>> columns_;  ///< of each series; none: not asked for
    std::size_t width_;
    const Emit& emit_;
    TelemetryRow row_;
    bool has_row_ = false;
};

}  // namespace

Task<Result<void>> TelemetryStore::each_sample(std::vector<SeriesId> series, UtcMillis from, UtcMillis to,
                                               std::function<Result<void>(const ScannedSample&)> sample) {
    return parts_->read([this, series = std::move(series), from, to, sample = std::move(sample)] {
        ScanState scan(*parts_, series, from.count, to.count);
        return for_each(scan, sample);
    });
}

Task<Result<void>> TelemetryStore::each_row(DeviceAddress device, std::vector<std::string> metrics, UtcMillis from,
                                            UtcMillis to, std::function<Result<void>(const TelemetryRow&)> row) {
    std::vector<SeriesId> series;
    std::vector<std::optional<std::size_t>> columns;
    {
        const std::lock_guard lock(parts_->catalogue.mutex);
        if (const auto* ids = parts_->catalogue.of_device(device)) series = *ids;
        for (const auto id : series) {
            const auto found = std::find(metrics.begin(), metrics.end(), parts_->catalogue.get(id)->metric);
            columns.push_back(found == metrics.end() ? std::nullopt
                                                     : std::optional<std::size_t>(found - metrics.begin()));
        }
    }
    return parts_->read([this, series = std::move(series), columns = std::move(columns), width = metrics.size(), from,
                         to, row = std::move(row)] {
        ScanState scan(*parts_, series, from.count, to.count);
        RowMaker maker(columns, width, row);
        auto read = for_each(scan, [&maker](const ScannedSample& one) { return maker.add(one); });
        return read ? maker.flush() : read;
    });
}

}  // namespace labhub::coordinator::store
