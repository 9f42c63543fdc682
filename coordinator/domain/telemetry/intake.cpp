#include "coordinator/domain/telemetry/intake.hpp"

#include <iterator>
#include <utility>

namespace labhub::coordinator::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr auto kGroupDelay = 50ms;  // gathers what comes in one burst into one commit
constexpr auto kPatience = 1s;
constexpr std::size_t kMostRefused = 10'000;  // messages, for one look
constexpr std::size_t kShortText = 15;        // bytes that need no memory of their own

std::size_t memory_of(const ingest::Samples& samples) {
    std::size_t bytes = sizeof samples + samples.samples.capacity() * sizeof(ingest::Sample);
    for (const auto& sample : samples.samples)
        if (const auto* text = std::get_if<std::string>(&sample.value); text && text->size() > kShortText)
            bytes += text->capacity();
    return bytes;
}

}  // namespace

bool Intake::put(ingest::Samples given) {
    const auto samples = std::make_shared<const ingest::Samples>(std::move(given));
    const std::size_t count = samples->samples.size();
    const std::size_t bytes = memory_of(*samples);
    std::unique_lock lock(mutex_);
    if (!has_room(count, bytes) && !is_failing_ && !is_stuck_)
        is_stuck_ = !emptied_.wait_for(lock, kPatience, [&] { return has_room(count, bytes) || is_closed_; });
    if (!has_room(count, bytes)) {
        refuse(samples, bytes);
        return false;
    }
    const bool was_empty = queue_.empty() && schemas_.empty();
    if (queue_.empty()) queued_since_ = Steady::now();
    queued_ += count;
    queued_bytes_ += bytes;
    queue_.push_back(samples);
    lock.unlock();
    if (was_empty) filled_.notify_one();
    return true;
}

void Intake::refuse(const SamplesPtr& samples, std::size_t bytes) {
    refused_ += samples->samples.size();
    refused_nodes_.insert(samples->device().node);
    if (!is_failing_ || refused_samples_.size() >= kMostRefused || refused_bytes_ + bytes > most_bytes_) return;
    refused_bytes_ += bytes;
    refused_samples_.push_back(samples);
}

void Intake::put(ingest::DeviceSchemaPtr schema) {
    {
        const std::lock_guard lock(mutex_);
        if (schema_metrics_ >= kMostSchemaMetrics) {
            refused_nodes_.insert(schema->device.node);
            return;
        }
        auto& place = schemas_[schema->device];
        if (place) schema_metrics_ -= 1 + place->metrics.size();
        schema_metrics_ += 1 + schema->metrics.size();
        place = std::move(schema);
    }
    filled_.notify_one();
}

void Intake::want_again(const NodeId& node) {
    const std::lock_guard lock(mutex_);
    refused_nodes_.insert(node);
}

std::vector<ingest::DeviceSchemaPtr> Intake::take_schemas() {
    std::vector<ingest::DeviceSchemaPtr> all;
    all.reserve(schemas_.size());
    for (auto& [device, schema] : schemas_) all.push_back(std::move(schema));
    schemas_.clear();
    schema_metrics_ = 0;
    return all;
}

std::optional<Intake::Taken> Intake::take(std::optional<Steady::time_point> until) {
    std::unique_lock lock(mutex_);
    const auto has_something = [this] { return !queue_.empty() || !schemas_.empty() || is_closed_; };
    if (until)
        filled_.wait_until(lock, *until, has_something);
    else
        filled_.wait(lock, has_something);
    if (!queue_.empty()) emptied_.wait_until(lock, queued_since_ + kGroupDelay, [this] { return is_closed_; });
    if (is_closed_ && queue_.empty() && schemas_.empty()) return std::nullopt;
    Taken taken{std::exchange(queue_, {}), std::exchange(seen_, 0), take_schemas()};
    refused_samples_.clear();
    refused_bytes_ = queued_bytes_ = 0;
    under_way_ = std::exchange(queued_, 0);
    is_stuck_ = false;
    lock.unlock();
    emptied_.notify_all();
    return taken;
}

void Intake::done() {
    const std::lock_guard lock(mutex_);
    under_way_ = 0;
}

SampleGroup Intake::look() {
    const std::lock_guard lock(mutex_);
    SampleGroup group(queue_.begin() + static_cast<std::ptrdiff_t>(seen_), queue_.end());
    seen_ = queue_.size();
    std::move(refused_samples_.begin(), refused_samples_.end(), std::back_inserter(group));
    refused_samples_.clear();
    refused_bytes_ = 0;
    return group;
}

void Intake::set_failing(bool is_failing) {
    const std::lock_guard lock(mutex_);
    is_failing_ = is_failing;
}

std::set<NodeId> Intake::take_refused() {
    const std::lock_guard lock(mutex_);
    if (is_failing_ || queued_ > most_samples_ / 2) return {};
    return std::exchange(refused_nodes_, {});
}

bool Intake::sleep(Steady::duration limit) {
    std::unique_lock lock(mutex_);
    return filled_.wait_for(lock, limit, [this] { return is_closed_; });
}

void Intake::close() {
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
    }
    filled_.notify_all();
    emptied_.notify_all();
}

std::size_t Intake::waiting() const {
    const std::lock_guard lock(mutex_);
    return queued_ + under_way_;
}

std::size_t Intake::waiting_bytes() const {
    const std::lock_guard lock(mutex_);
    return queued_bytes_;
}

std::uint64_t Intake::refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
}

}  // namespace labhub::coordinator::telemetry
