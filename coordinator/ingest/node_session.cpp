#include "coordinator/ingest/node_session.hpp"

#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::MessageType;

constexpr UtcMillis kEarliestTime{946'684'800'000};  // 2000-01-01: before it, a clock was never set
constexpr std::chrono::hours kFurthestAhead{24};
constexpr std::size_t kMaxDevices = 256;  // of one node; a lab's has a handful

}  // namespace

NodeSession::NodeSession(NodeId node, const Options& options, const Clock& clock, Sink& sink, Tally& tally)
    : node_(std::move(node)),
      options_(options),
      clock_(clock),
      sink_(sink),
      tally_(tally),
      tracker_(options.reorder_window),
      last_heard_(clock.steady_now()) {}

void NodeSession::receive(const sparkplug::Topic& topic, const std::string& bytes) {
    // Our own commands come back to us, as we subscribe to the whole group.
    if (topic.type == MessageType::ncmd || topic.type == MessageType::dcmd) return;
    if (topic.type == MessageType::ndeath) return node_death(bytes);
    heard();
    if (topic.type == MessageType::nbirth) return node_birth(bytes);
    if (!born_) {
        ++tally_.before_birth;
        return want_rebirth();
    }
    auto seq = sparkplug::peek_seq(bytes);
    if (!seq) return malformed(seq.error());
    if (!*seq) return malformed(Error{ErrorCode::malformed, "a message without seq"});
    const auto repeats = tracker_.repeats();
    for (const auto& ready : tracker_.accept({**seq, topic, bytes}, clock_.steady_now())) in_turn(ready);
    // TCP repeats nothing: a seq from the past is what is left when half a turn of them has been lost at once.
    if (tracker_.repeats() != repeats) note_gap();
}

void NodeSession::note_gap() {
    ++tally_.gaps;
    // One line for a broken session, not one for each message after it.
    if (unbroken_) spdlog::warn("node {}: a message is missing; asking for a rebirth", node_.value);
    unbroken_ = false;
    want_rebirth();
}

void NodeSession::heard() {
    last_heard_ = clock_.steady_now();
    if (!born_ || !stale_) return;
    stale_ = false;
    sink_.node_heard_again(node_, clock_.utc_now());
}

void NodeSession::node_birth(const std::string& bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    const auto& payload = decoded->payload;
    const auto bd_seq = sparkplug::bd_seq_of(payload);
    if (!bd_seq || !payload.seq) return malformed(Error{ErrorCode::malformed, "an NBIRTH without seq or bdSeq"});
    for (const auto& held : tracker_.give_up()) in_turn(held);
    end();
    born_ = unbroken_ = true;
    rebirth_wanted_ = rebirth_asked_for_ = false;
    bd_seq_ = *bd_seq;
    tracker_.start(*payload.seq);
    node_catalog_.learn(payload);
    NodeBorn born{node_, payload.timestamp.value_or(clock_.utc_now()), *bd_seq, {}};
    for (const auto& metric : payload.metrics) born.node_metrics[metric.name] = metric.value;
    sink_.node_born(std::move(born));
}

void NodeSession::node_death(const std::string& bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    // A Will that comes late belongs to a session that has been replaced, and a second death says nothing new.
    if (!born_ || sparkplug::bd_seq_of(decoded->payload) != bd_seq_) {
        ++tally_.refused_deaths;
        return;
    }
    for (const auto& held : tracker_.give_up()) in_turn(held);
    end();
    sink_.node_died({node_, clock_.utc_now(), "the node ended its session, or the broker lost it"});
}

void NodeSession::end() {
    born_ = stale_ = unbroken_ = false;
    devices_.clear();
    node_catalog_.clear();
}

void NodeSession::in_turn(const sparkplug::SequencedMessage& message) {
    switch (message.topic.type) {
        case MessageType::dbirth: return device_birth(message.topic.device, message.bytes);
        case MessageType::ddeath: return device_death(message.topic.device, message.bytes);
        case MessageType::ddata: return device_data(message.topic.device, message.bytes);
        case MessageType::ndata: return node_data(message.bytes);
        default: return;
    }
}

void NodeSession::device_birth(const std::string& name, const std::string& bytes) {
    if (auto good = check_name("device id", name); !good) return malformed(good.error());
    if (devices_.size() >= kMaxDevices && !devices_.contains(name))
        return malformed(
            Error{ErrorCode::too_many, "a device more than the " + std::to_string(kMaxDevices) + " a node may have"});
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    const auto& payload = decoded->payload;
    Device device;
    device.catalog.learn(payload);
    tally_.unknown_metrics += decoded->unknown;
    DeviceBorn born{{node_, name}, payload.timestamp.value_or(clock_.utc_now()), {}, {}};
    for (const auto& metric : payload.metrics) {
        auto info = sparkplug::metric_info(metric);
        if (!info || !check_name("metric", metric.name)) {
            ++tally_.unsupported_metrics;
            continue;
        }
        if (!device.taken.insert(metric.name).second) continue;
        born.metrics.push_back(std::move(*info));
        if (auto reading = sane_reading(metric, payload)) born.readings.push_back(std::move(*reading));
    }
    devices_[name] = std::move(device);
    tally_.readings += born.readings.size();
    sink_.device_born(std::move(born));
}

void NodeSession::device_death(const std::string& name, const std::string& bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    if (devices_.erase(name) == 0) return;
    const UtcMillis time = decoded->payload.timestamp.value_or(clock_.utc_now());
    sink_.device_died({{node_, name}, time, "the node lost the device"});
}

void NodeSession::device_data(const std::string& name, const std::string& bytes) {
    const auto device = devices_.find(name);
    if (device == devices_.end()) {
        ++tally_.before_birth;
        return want_rebirth();
    }
    auto decoded = sparkplug::decode(bytes, &device->second.catalog);
    if (!decoded) return malformed(decoded.error());
    tally_.unsupported_metrics += decoded->unsupported;
    tally_.unknown_metrics += decoded->unknown;
    if (decoded->unknown > 0) {
        // What was left out must not be acknowledged: the node keeps it and sends it again after its rebirth.
        unbroken_ = false;
        want_rebirth();
    }
    emit_samples({node_, name}, device->second, decoded->payload);
}

void NodeSession::node_data(const std::string& bytes) {
    auto decoded = sparkplug::decode(bytes, &node_catalog_);
    if (!decoded) return malformed(decoded.error());
    tally_.unsupported_metrics += decoded->unsupported;
    tally_.unknown_metrics += decoded->unknown;
    if (decoded->unknown > 0) want_rebirth();
}

void NodeSession::emit_samples(const DeviceAddress& address, const Device& device, const sparkplug::Payload& payload) {
    Samples live{address, {}, false, std::nullopt};
    Samples historical{address, {}, true, std::nullopt};
    std::optional<std::int64_t> position;
    for (const auto& metric : payload.metrics) {
        const auto property = metric.properties.find(sparkplug::property::kSpoolPosition);
        if (property != metric.properties.end())
            if (const auto* number = std::get_if<std::int64_t>(&property->second)) position = *number;
        if (!device.taken.contains(metric.name)) continue;
        auto reading = sane_reading(metric, payload);
        if (reading) (metric.is_historical ? historical : live).readings.push_back(std::move(*reading));
    }
    // A message of which nothing could be used still carries its position: the node is to forget it.
    const bool live_last = historical.readings.empty();
    if (unbroken_) (live_last ? live : historical).spool_position = position;
    emit(std::move(live));
    emit(std::move(historical));
}

void NodeSession::emit(Samples samples) {
    if (samples.readings.empty() && !samples.spool_position) return;
    tally_.readings += samples.readings.size();
    sink_.samples(std::move(samples));
}

std::optional<Reading> NodeSession::sane_reading(const sparkplug::Metric& metric, const sparkplug::Payload& payload) {
    Reading reading = sparkplug::reading_of(metric, payload.timestamp.value_or(clock_.utc_now()));
    if (reading.time >= kEarliestTime && reading.time <= clock_.utc_now() + kFurthestAhead) return reading;
    ++tally_.refused_times;
    return std::nullopt;
}

void NodeSession::malformed(const Error& why) {
    const auto count = ++tally_.malformed;
    unbroken_ = false;
    want_rebirth();
    // One line for the 1st, 2nd, 4th, 8th …: a broken node can't flood the log.
    if (std::has_single_bit(count))
        spdlog::warn("node {}: {} ({} malformed messages so far)", node_.value, why.to_string(), count);
}

void NodeSession::tick() {
    if (!born_) return;
    const auto now = clock_.steady_now();
    if (const auto deadline = tracker_.deadline(); deadline && now >= *deadline) {
        note_gap();
        for (const auto& held : tracker_.give_up()) in_turn(held);
    }
    if (!stale_ && now - last_heard_ > options_.stale_after) {
        stale_ = true;
        sink_.node_stale({node_, clock_.utc_now(), "nothing heard for " + format_duration(options_.stale_after)});
    }
}

void NodeSession::lose(const std::string& reason) {
    const bool was_fresh = born_ && !stale_;
    const bool was_known = born_ || rebirth_requested_;
    for (const auto& held : tracker_.give_up()) in_turn(held);
    end();
    if (was_known) want_rebirth();
    rebirth_requested_.reset();
    if (was_fresh) sink_.node_stale({node_, clock_.utc_now(), reason});
}

bool NodeSession::take_rebirth_request() {
    if (!rebirth_wanted_) return false;
    const auto now = clock_.steady_now();
    if (rebirth_requested_) {
        const bool too_soon = now - *rebirth_requested_ < options_.rebirth_interval;
        const bool silent_since = last_heard_ <= *rebirth_requested_ && !rebirth_asked_for_;
        if (too_soon || silent_since) return false;
    }
    rebirth_asked_for_ = false;
    rebirth_requested_ = now;
    ++tally_.rebirths_requested;
    return true;
}

}  // namespace labhub::coordinator::ingest
