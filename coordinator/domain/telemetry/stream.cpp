#include "coordinator/domain/telemetry/stream.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/post.hpp>

#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

/// How much older than its arrival a reading of another node may be: messages under way, clocks that differ.
constexpr std::chrono::seconds kOverlap{5};

constexpr std::size_t kMostSchemas = 10'000;

/// Of the heap: what an allocation has around it, and the counts of a shared pointer.
constexpr std::size_t kAllocation = 32;

std::size_t memory_of(const LiveEvent& event) {
    const auto& samples = event.samples->samples;
    std::size_t bytes = sizeof(LiveEvent) + sizeof(ingest::Samples) + sizeof(event.samples) + 3 * kAllocation +
                        samples.capacity() * sizeof(ingest::Sample);
    for (const ingest::Sample& sample : samples)
        if (const auto* text = std::get_if<std::string>(&sample.value); text && text->size() > 15)
            bytes += text->capacity() + kAllocation;
    return bytes;
}

std::size_t memory_of(const ingest::DeviceSchema& schema) {
    std::size_t bytes = sizeof(ingest::DeviceSchema) + 3 * kAllocation + schema.metrics.capacity() * sizeof(MetricInfo);
    for (const MetricInfo& metric : schema.metrics)
        bytes += metric.name.capacity() + metric.unit.capacity() + metric.description.capacity() + 3 * kAllocation;
    return bytes;
}

struct EventId {
    std::int64_t start = 0;
    std::uint64_t number = 0;
    std::int64_t arrived = 0;
};

template <class Number>
bool scan(std::string_view text, Number& number) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return !text.empty() && failure == std::errc{} && end == text.data() + text.size();
}

Result<EventId> parse_id(const std::string& text) {
    const auto parts = split(text, '-');
    EventId id;
    if (parts.size() == 3 && scan(parts[0], id.start) && scan(parts[1], id.number) && scan(parts[2], id.arrived) &&
        id.start >= 0 && id.arrived >= 0)
        return id;
    return Error{ErrorCode::malformed, "Last-Event-ID: " + printable(text, 60) + " is no id of this stream",
                 "send back the last id as it came, or none to begin with the present"};
}

/// Of each metric the first and the last sample: all that is told of late ones, and too little to push live ones out.
ingest::Samples ends_of(const ingest::Samples& all) {
    std::map<std::uint32_t, std::pair<const ingest::Sample*, const ingest::Sample*>> ends;
    for (const ingest::Sample& sample : all.samples) {
        auto& [first, last] = ends.try_emplace(sample.metric, &sample, &sample).first->second;
        if (sample.time < first->time) first = &sample;
        if (sample.time > last->time) last = &sample;
    }
    ingest::Samples kept;
    kept.schema = all.schema;
    kept.historical = true;
    for (const auto& [metric, both] : ends) {
        kept.samples.push_back(*both.first);
        if (both.second != both.first) kept.samples.push_back(*both.second);
    }
    return kept;
}

/// What the ring keeps of a group.
SampleGroup tellable(const SampleGroup& group) {
    SampleGroup kept;
    kept.reserve(group.size());
    for (const SamplesPtr& samples : group)
        if (!samples->samples.empty())
            kept.push_back(samples->historical ? std::make_shared<const ingest::Samples>(ends_of(*samples)) : samples);
    return kept;
}

void widen(UtcMillis time, UtcMillis& from, UtcMillis& to) {
    from = std::min(from, time);
    to = std::max(to, time);
}

}  // namespace

/// What the feed and its readers share; it outlives whichever ends first.
struct LiveReader::Ring {
    Ring(asio::any_io_executor executor_in, const Clock& clock_in, std::size_t most_bytes_in)
        : executor(std::move(executor_in)), clock(clock_in), most_bytes(most_bytes_in), start(clock.utc_now()) {}

    asio::any_io_executor executor;
    const Clock& clock;
    const std::size_t most_bytes;
    const UtcMillis start;  ///< tells the numbers of this start from those of another
    std::deque<std::shared_ptr<const LiveEvent>> events;
    std::uint64_t next_number = 1;
    std::size_t bytes = 0;
    std::vector<LiveReader*> readers;
    std::unordered_map<const ingest::DeviceSchema*, std::size_t> schemas;  ///< of the events, with how many have each

    std::uint64_t first_number() const { return next_number - events.size(); }
    void add(SamplesPtr samples);
    void drop_oldest();
    void publish(SampleGroup group);
};

LiveReader::LiveReader(std::shared_ptr<Ring> ring, Selection selection, std::string who)
    : ring_(std::move(ring)),
      selection_(std::move(selection)),
      who_(std::move(who)),
      next_(ring_->next_number),
      news_(std::make_shared<asio::steady_timer>(ring_->executor)) {
    ring_->readers.push_back(this);
}

LiveReader::~LiveReader() {
    std::erase(ring_->readers, this);
    news_->cancel();
}

std::string LiveReader::id_of(std::uint64_t number, UtcMillis arrived) const {
    return std::to_string(ring_->start.count) + "-" + std::to_string(number) + "-" + std::to_string(arrived.count);
}

const std::vector<bool>& LiveReader::selected(const ingest::DeviceSchemaPtr& schema) {
    const auto known = selected_.find(schema.get());
    if (known != selected_.end() && known->second.schema.lock() == schema) return known->second.wanted;
    if (selected_.size() >= kMostSchemas) selected_.clear();
    const std::string device = schema->device.to_string();
    std::vector<bool> wanted;
    for (const MetricInfo& metric : schema->metrics) wanted.push_back(selection_.includes(0, device, metric.name));
    return selected_.insert_or_assign(schema.get(), Matched{schema, std::move(wanted)}).first->second.wanted;
}

/// The ring lets go of an event that has not been read.
void LiveReader::lose(const LiveEvent& event) {
    const auto& wanted = selected(event.samples->schema);
    const std::uint64_t one = event.samples->historical ? 0 : 1;
    for (const ingest::Sample& sample : event.samples->samples) {
        if (!wanted[sample.metric]) continue;
        if (!missed_) {
            missed_.emplace();
            missed_->reason = "slow";
            missed_->readings = 0;
            missed_->from = missed_->to = sample.time;
        }
        if (missed_->readings) *missed_->readings += one;
        widen(sample.time, missed_->from, missed_->to);
        const std::string name = event.device() + "/" + event.samples->metric(sample).name;
        auto found = missed_->series.find(name);
        if (found == missed_->series.end()) {
            if (missed_->series.size() >= Missed::kMostGaps) continue;
            found = missed_->series.emplace(name, Missed::Gap{0, sample.time, sample.time}).first;
        }
        found->second.readings += one;
        widen(sample.time, found->second.from, found->second.to);
    }
}

void LiveReader::resume_after(std::uint64_t number, UtcMillis arrived, bool same_start) {
    next_ = ring_->first_number();
    if (same_start && number + 1 >= next_) {
        next_ = std::min(number + 1, ring_->next_number);
        return;
    }
    missed_.emplace();
    missed_->reason = same_start ? "too_late" : "restarted";
    missed_->from = arrived - kOverlap;
    missed_->to = ring_->events.empty() ? ring_->clock.utc_now() : ring_->events.front()->arrived;
    missed_->to = std::max(missed_->to, missed_->from + std::chrono::milliseconds{1});
}

LiveBatch LiveReader::take(std::size_t most) {
    LiveBatch batch;
    const UtcMillis now = ring_->clock.utc_now();
    next_ = std::max(next_, ring_->first_number());
    if (missed_) {
        batch.missed = std::exchange(missed_, std::nullopt);
        batch.missed_id = id_of(next_ - 1, now);
    }
    for (; next_ < ring_->next_number && batch.parts.size() < most; ++next_) {
        const auto& event = ring_->events[next_ - ring_->first_number()];
        LiveBatch::Part part;
        const auto& wanted = selected(event->samples->schema);
        for (const ingest::Sample& sample : event->samples->samples)
            if (wanted[sample.metric]) part.samples.push_back(&sample);
        if (part.samples.empty()) continue;
        part.id = id_of(event->number, event->arrived);
        part.event = event;
        batch.parts.push_back(std::move(part));
    }
    batch.last_id = batch.parts.empty() || next_ == ring_->next_number ? id_of(next_ - 1, now) : batch.parts.back().id;
    return batch;
}

Task<void> LiveReader::wait(std::chrono::milliseconds limit) {
    if (missed_ || next_ < ring_->next_number) co_return;
    const auto news = news_;
    news->expires_after(limit);
    co_await news->async_wait(as_result);
}

LiveFeed::LiveFeed(asio::any_io_executor executor, const Clock& clock, std::size_t most_bytes)
    : ring_(std::make_shared<LiveReader::Ring>(std::move(executor), clock, most_bytes)) {}

LiveFeed::~LiveFeed() {
    for (LiveReader* const reader : ring_->readers) reader->news_->cancel();
}

std::size_t LiveFeed::readers() const { return ring_->readers.size(); }

void LiveReader::Ring::add(SamplesPtr samples) {
    auto event = std::make_shared<LiveEvent>();
    event->number = next_number++;
    event->arrived = clock.utc_now();
    event->samples = std::move(samples);
    bytes += event->memory = memory_of(*event);
    const ingest::DeviceSchema& schema = *event->samples->schema;
    if (++schemas[&schema] == 1) bytes += memory_of(schema);
    events.push_back(std::move(event));
    while (bytes > most_bytes && events.size() > 1) drop_oldest();
}

void LiveReader::Ring::drop_oldest() {
    const auto oldest = std::move(events.front());
    events.pop_front();
    bytes -= oldest->memory;
    const ingest::DeviceSchema& schema = *oldest->samples->schema;
    if (--schemas[&schema] == 0) {
        bytes -= memory_of(schema);
        schemas.erase(&schema);
    }
    for (LiveReader* const reader : readers)
        if (reader->next_ <= oldest->number) reader->lose(*oldest);
}

void LiveReader::Ring::publish(SampleGroup group) {
    for (auto& samples : group) add(std::move(samples));
    for (LiveReader* const reader : readers) reader->news_->cancel();
}

void LiveFeed::publish(const std::shared_ptr<const SampleGroup>& group) { ring_->publish(tellable(*group)); }

std::size_t LiveFeed::bytes() const { return ring_->bytes; }

std::function<void(const std::shared_ptr<const SampleGroup>&)> LiveFeed::listener() {
    return [ring = std::weak_ptr<LiveReader::Ring>(ring_),
            executor = ring_->executor](const std::shared_ptr<const SampleGroup>& group) {
        asio::post(executor, [ring, kept = tellable(*group)]() mutable {
            if (const auto alive = ring.lock()) alive->publish(std::move(kept));
        });
    };
}

Result<std::unique_ptr<LiveReader>> LiveFeed::open(Selection selection, const std::optional<std::string>& last_id,
                                                   std::string who) {
    LABHUB_CHECK(check_selection(selection));
    std::optional<EventId> last;
    if (last_id) {
        LABHUB_TRY(last, parse_id(*last_id));
    }
    const auto same = [&](const LiveReader* reader) { return reader->who_ == who; };
    const auto of_one = std::count_if(ring_->readers.begin(), ring_->readers.end(), same);
    if (ring_->readers.size() >= kMostReaders || static_cast<std::size_t>(of_one) >= kMostReadersOfOne)
        return Error{ErrorCode::too_many, "too many streams are open",
                     "at most " + std::to_string(kMostReadersOfOne) + " for one caller and " +
                         std::to_string(kMostReaders) + " in all"};
    std::unique_ptr<LiveReader> reader(new LiveReader(ring_, std::move(selection), std::move(who)));
    if (last) reader->resume_after(last->number, UtcMillis{last->arrived}, last->start == ring_->start.count);
    return reader;
}

}  // namespace labhub::coordinator::telemetry
