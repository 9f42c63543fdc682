#include "coordinator/store/telemetry/buckets.hpp"

#include <algorithm>
#include <utility>

namespace labhub::coordinator::store::telemetry {
Extremes::Extremes(Grid grid, std::size_t most, bool by_summary)
    : grid_(grid), most_(most), by_summary_(by_summary), buckets_(grid.buckets), is_all_(!by_summary) {}

/// A part without numbers may be text, of which each bucket shows the last.
/// One that reaches into the next bucket must be short beside a bucket: then what a bucket doesn't show of its own
/// stands in its neighbour, however unevenly the samples lie.
bool Extremes::takes(const Summary& part) const {
    if (!by_summary_ || part.numbers == 0 || !grid_.holds(part)) return false;
    const std::size_t first = grid_.bucket_of(part.first), last = grid_.bucket_of(part.last);
    return first == last || (first + 1 == last && part.last - part.first <= grid_.width / 2);
}

/// Of equal extremes the earliest is shown.
void Extremes::add_extreme(std::int64_t time, double number, Qualities qualities) {
    Bucket& bucket = buckets_[grid_.bucket_of(time)];
    bucket.qualities.add(qualities);
    if (bucket.minimum_time < 0 || number < bucket.minimum ||
        (number == bucket.minimum && time < bucket.minimum_time)) {
        bucket.minimum = number;
        bucket.minimum_time = time;
    }
    if (bucket.maximum_time < 0 || number > bucket.maximum ||
        (number == bucket.maximum && time < bucket.maximum_time)) {
        bucket.maximum = number;
        bucket.maximum_time = time;
    }
}

void Extremes::add(const Summary& part) {
    samples_ += part.count;
    add_extreme(part.minimum_time, part.minimum, part.qualities);
    add_extreme(part.maximum_time, part.maximum, part.qualities);
}

void Extremes::add(PackedSample sample, const std::vector<std::string>& texts) {
    ++samples_;
    if (is_all_ && all_.size() < most_)
        all_.push_back(unpack(sample, texts));
    else
        is_all_ = false;
    Bucket& bucket = buckets_[grid_.bucket_of(sample.time())];
    bucket.qualities.add(sample);
    if (const auto number = sample.number()) return add_extreme(sample.time(), *number, bucket.qualities);
    if (sample.kind() != Kind::text || sample.is_bad()) return;
    if (sample.time() < bucket.text_time) return;
    bucket.text_time = sample.time();
    bucket.text = texts[sample.bits];
}

void Extremes::finish(SeriesPoints& answer) {
    answer.samples = samples_;
    answer.is_downsampled = !is_all_;
    if (is_all_) {
        std::sort(all_.begin(), all_.end(), [](const Sample& a, const Sample& b) { return a.time < b.time; });
        answer.points = std::move(all_);
        return;
    }
    for (auto& bucket : buckets_) {
        const Quality quality = bucket.qualities.of_value();
        if (bucket.minimum_time >= 0) {
            const Sample minimum{UtcMillis{bucket.minimum_time}, bucket.minimum, quality};
            const Sample maximum{UtcMillis{bucket.maximum_time}, bucket.maximum, quality};
            const bool is_minimum_first = minimum.time <= maximum.time;
            answer.points.push_back(is_minimum_first ? minimum : maximum);
            if (minimum.time != maximum.time) answer.points.push_back(is_minimum_first ? maximum : minimum);
        } else if (bucket.text_time >= 0) {
            answer.points.push_back({UtcMillis{bucket.text_time}, std::move(bucket.text), quality});
        }
    }
}

Steps::Steps(Grid grid, Aggregate aggregate) : grid_(grid), aggregate_(aggregate), buckets_(grid.buckets) {}

/// The last value of a part is known only when all of it are numbers.
bool Steps::takes(const Summary& part) const {
    if (!grid_.is_within_one(part)) return false;
    return aggregate_ != Aggregate::last || part.numbers == part.count;
}

void Steps::add_numbers(Bucket& bucket, std::uint64_t numbers, double minimum, double maximum, double sum) {
    bucket.minimum = bucket.numbers == 0 ? minimum : std::min(bucket.minimum, minimum);
    bucket.maximum = bucket.numbers == 0 ? maximum : std::max(bucket.maximum, maximum);
    bucket.numbers += numbers;
    bucket.sum += sum;
}

void Steps::add(const Summary& part) {
    samples_ += part.count;
    Bucket& bucket = buckets_[grid_.bucket_of(part.first)];
    bucket.count += part.count;
    bucket.qualities.add(part.qualities);
    if (part.numbers == 0) return;
    add_numbers(bucket, part.numbers, part.minimum, part.maximum, part.sum);
    if (part.last < bucket.last_time) return;
    bucket.last_time = part.last;
    bucket.last = part.last_number;
}

void Steps::add(PackedSample sample, const std::vector<std::string>& texts) {
    ++samples_;
    Bucket& bucket = buckets_[grid_.bucket_of(sample.time())];
    ++bucket.count;
    bucket.qualities.add(sample);
    const auto number = sample.number();
    if (number) add_numbers(bucket, 1, *number, *number, *number);
    if (aggregate_ != Aggregate::last || sample.is_bad() || sample.kind() == Kind::null) return;
    if (sample.time() < bucket.last_time) return;
    bucket.last_time = sample.time();
    bucket.last = number ? Value{*number} : unpack(sample, texts).value;
}

std::optional<Value> Steps::value_of(const Bucket& bucket) const {
    if (bucket.count == 0) return std::nullopt;
    if (aggregate_ == Aggregate::count) return Value{static_cast<std::int64_t>(bucket.count)};
    if (aggregate_ == Aggregate::last) return bucket.last_time < 0 ? std::nullopt : std::optional(bucket.last);
    if (bucket.numbers == 0) return std::nullopt;
    if (aggregate_ == Aggregate::minimum) return Value{bucket.minimum};
    if (aggregate_ == Aggregate::maximum) return Value{bucket.maximum};
    return finite(bucket.sum / static_cast<double>(bucket.numbers));
}

void Steps::finish(SeriesPoints& answer) {
    answer.samples = samples_;
    answer.is_downsampled = true;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
        if (auto value = value_of(buckets_[i]))
            answer.points.push_back({UtcMillis{grid_.from + static_cast<std::int64_t>(i) * grid_.width},
                                     std::move(*value), buckets_[i].qualities.of_value()});
}

}  // namespace labhub::coordinator::store::telemetry
