#include "coordinator/ingest/node_session.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <spdlog/spdlog.h>

#include "coordinator/ingest/unpack.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::MessageType;

constexpr std::size_t kMaxDevices = 256;           // of one node; a lab's has a handful
constexpr std::size_t kMaxMetrics = 20'000;        // of one message
constexpr std::size_t kMaxNodeMetrics = 2'000;     // of a node itself: its birth goes to the main thread whole
constexpr std::size_t kMaxKnownMetrics = 500'000;  // of all nodes: at a few hundred bytes each
constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 20;  // of all nodes' messages that wait for their turn
constexpr std::size_t kBootIds = 4;

Error too_many_metrics() {
    return Error{ErrorCode::too_many, "all nodes together have more metrics than " + std::to_string(kMaxKnownMetrics)};
}

}  // namespace

NodeSession::NodeSession(NodeId node, const Options& options, const Clock& clock, Sink& sink, Tally& tally)
    : node_(std::move(node)),
      options_(options),
      clock_(clock),
      sink_(sink),
      tally_(tally),
      tracker_(options.reorder_window),
      former_(tally),
      refused_(node_, tally),
      last_heard_(clock.steady_now()) {}

NodeSession::~NodeSession() {
    end();
    tally_.held_bytes -= held_bytes_;
}

void NodeSession::receive(const sparkplug::Topic& topic, const std::string& bytes) {
    // Commands are from hosts, our own among them.
    if (topic.type == MessageType::ncmd || topic.type == MessageType::dcmd) return;
    if (topic.type != MessageType::ndeath) heard();
    take(topic, bytes);
}

void NodeSession::take(const sparkplug::Topic& topic, std::string_view bytes) {
    if (bytes.size() > sparkplug::kMaxPayloadBytes)
        return malformed(Error{ErrorCode::too_large, "a payload of " + std::to_string(bytes.size()) + " bytes"});
    auto head = read_head(bytes);
    std::string unpacked;
    if (head && head->uuid == kCompressedUuid) {
        auto inner = unpack(head->body);
        if (!inner) return malformed(inner.error());
        unpacked = std::move(*inner);
        bytes = unpacked;
        head = read_head(bytes);
    }
    if (!head) return malformed(head.error());
    if (head->metrics > kMaxMetrics)
        return malformed(Error{ErrorCode::too_many, "a message of " + std::to_string(head->metrics) + " metrics",
                               "at most " + std::to_string(kMaxMetrics)});
    if (topic.type == MessageType::ndeath) return node_death(bytes);
    if (topic.type == MessageType::nbirth) return node_birth(bytes, *head);
    if (!born_) {
        ++tally_.before_birth;
        return want_rebirth();
    }
    sequenced(topic, bytes, *head);
}

void NodeSession::sequenced(const sparkplug::Topic& topic, std::string_view bytes, const PayloadHead& head) {
    if (!head.seq) return malformed(Error{ErrorCode::malformed, "a message without seq"});
    const auto seq = static_cast<std::uint8_t>(*head.seq);
    if (tracker_.take_next(seq)) return in_turn(Incoming{topic.type, topic.device, bytes});
    const auto repeats = tracker_.repeats();
    for (const auto& ready : tracker_.accept({seq, topic, std::string(bytes)}, clock_.steady_now())) in_turn(ready);
    count_held();
    // TCP repeats nothing: a seq from the past is what is left when half a turn of them has been lost at once.
    if (tracker_.repeats() != repeats) note_gap();
    const auto deadline = tracker_.deadline();
    if (!deadline || (clock_.steady_now() < *deadline && tally_.held_bytes <= kMaxHeldBytes)) return;
    note_gap();
    take_held();
}

void NodeSession::take_held() {
    const auto held = tracker_.give_up();
    count_held();
    for (const auto& message : held) in_turn(message);
}

void NodeSession::count_held() {
    tally_.held_bytes -= held_bytes_;
    held_bytes_ = tracker_.held_bytes();
    tally_.held_bytes += held_bytes_;
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

void NodeSession::node_birth(std::string_view bytes, const PayloadHead& head) {
    if (head.metrics > kMaxNodeMetrics)
        return malformed(Error{ErrorCode::too_many, "an NBIRTH of " + std::to_string(head.metrics) + " metrics",
                               "at most " + std::to_string(kMaxNodeMetrics) + " of the node itself"});
    if (tally_.known_metrics - node_metrics_ + head.metrics > kMaxKnownMetrics) return malformed(too_many_metrics());
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    const auto& payload = decoded->payload;
    const auto bd_seq = sparkplug::bd_seq_of(payload);
    if (!bd_seq || !head.seq) return malformed(Error{ErrorCode::malformed, "an NBIRTH without seq or bdSeq"});
    if (is_somebody_else(payload)) return;
    take_held();
    end();
    born_ = unbroken_ = true;
    rebirth_wanted_ = rebirth_asked_for_ = false;
    bd_seq_ = *bd_seq;
    tracker_.start(static_cast<std::uint8_t>(*head.seq));
    node_catalog_.learn(payload);
    node_metrics_ = payload.metrics.size();
    tally_.known_metrics += node_metrics_;
    NodeBorn born{node_, payload.timestamp.value_or(clock_.utc_now()), *bd_seq, {}};
    for (const auto& metric : payload.metrics) born.node_metrics[metric.name] = metric.value;
    sink_.node_born(std::move(born));
}

/// Told by what labhub-agent says of itself. The wall against strangers who copy that too are the broker's access
/// rules.
bool NodeSession::is_somebody_else(const sparkplug::Payload& birth) {
    std::string boot_id, host_key;
    for (const auto& metric : birth.metrics) {
        const auto* text = std::get_if<std::string>(&metric.value);
        if (text && metric.name == "Node Info/Boot Id") boot_id = *text;
        if (text && metric.name == "Node Info/SSH Host Key") host_key = *text;
    }
    const auto enrolled = options_.host_keys.find(node_);
    if (enrolled != options_.host_keys.end() && enrolled->second != host_key) {
        suspect("refused a birth with another SSH host key than the enrolled one: '" + printable(host_key, 64) + "'");
        return true;
    }
    if (boot_id.empty() || (!boot_ids_.empty() && boot_ids_.back() == boot_id)) return false;
    // A start of the agent that was followed by another can't come back: two machines use one name.
    const auto earlier = std::find(boot_ids_.begin(), boot_ids_.end(), boot_id);
    if (earlier != boot_ids_.end()) {
        suspect("two machines call themselves by this name");
        boot_ids_.erase(earlier);
    }
    boot_ids_.push_back(std::move(boot_id));
    if (boot_ids_.size() > kBootIds) boot_ids_.pop_front();
    return false;
}

void NodeSession::suspect(const std::string& why) {
    const auto count = ++tally_.impostors;
    if (std::has_single_bit(count)) spdlog::warn("node {}: {} ({} such births so far)", node_.value, why, count);
}

void NodeSession::node_death(std::string_view bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    // A Will that comes late belongs to a session that has been replaced, and a second death says nothing new.
    if (!born_ || sparkplug::bd_seq_of(decoded->payload) != bd_seq_) {
        ++tally_.refused_deaths;
        return;
    }
    take_held();
    end();
    sink_.node_died({node_, clock_.utc_now(), "the node ended its session, or the broker lost it"});
}

void NodeSession::forget(const DeviceCatalog& device) { tally_.known_metrics -= device.schema()->metrics.size(); }

void NodeSession::end() {
    born_ = stale_ = unbroken_ = false;
    if (!devices_.empty()) former_.clear();
    for (const auto& [name, device] : devices_) {
        forget(device);
        former_.remember(*device.schema());
    }
    devices_.clear();
    tally_.known_metrics -= std::exchange(node_metrics_, 0);
    node_catalog_.clear();
}

void NodeSession::in_turn(const sparkplug::SequencedMessage& message) {
    in_turn(Incoming{message.topic.type, message.topic.device, message.bytes});
}

void NodeSession::in_turn(const Incoming& message) {
    switch (message.type) {
        case MessageType::dbirth: return device_birth(message.device, message.bytes);
        case MessageType::ddeath: return device_death(message.device, message.bytes);
        case MessageType::ddata: return device_data(message.device, message.bytes);
        case MessageType::ndata: return node_data(message.bytes);
        default: return;
    }
}

Result<void> NodeSession::check_device_birth(const std::string& name, std::string_view bytes) const {
    LABHUB_CHECK(check_name("device id", name));
    if (devices_.size() >= kMaxDevices && !devices_.contains(name))
        return Error{ErrorCode::too_many, "a device more than the " + std::to_string(kMaxDevices) + " a node may have"};
    LABHUB_TRY(const PayloadHead head, read_head(bytes));
    if (tally_.known_metrics + head.metrics > kMaxKnownMetrics) return too_many_metrics();
    return {};
}

void NodeSession::device_birth(std::string_view device, std::string_view bytes) {
    const std::string name(device);
    if (auto good = check_device_birth(name, bytes); !good) return malformed(good.error());
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    const UtcMillis now = clock_.utc_now();
    const UtcMillis time = decoded->payload.timestamp.value_or(now);
    tally_.unknown_metrics += decoded->unknown;
    if (const auto known = devices_.find(name); known != devices_.end()) {
        forget(known->second);
        former_.remember(*known->second.schema());
        devices_.erase(known);
    }
    const DeviceAddress address{node_, name};
    const auto& catalog = devices_.try_emplace(name, address, decoded->payload, tally_).first->second;
    tally_.known_metrics += catalog.schema()->metrics.size();
    former_.compare(*catalog.schema());
    note_names(catalog);
    DeviceBorn born{catalog.schema(), time, {}};
    RefusedTimes refused;
    born.samples = catalog.birth_samples(decoded->payload, time, SaneTimes::at(now), refused);
    refused_.note(*catalog.schema(), refused);
    tally_.readings += born.samples.size();
    sink_.device_born(std::move(born));
}

void NodeSession::note_names(const DeviceCatalog& device) {
    if (device.names_not_taken().empty() || !std::has_single_bit(++births_not_taken_whole_)) return;
    spdlog::warn("node {}: metrics of device {} are not taken, for their names or types: {} (birth {} with such ones)",
                 node_.value, device.schema()->device.device, device.names_not_taken(), births_not_taken_whole_);
}

void NodeSession::device_death(std::string_view name, std::string_view bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(decoded.error());
    const auto device = devices_.find(name);
    if (device == devices_.end()) return;
    const DeviceAddress address = device->second.schema()->device;
    forget(device->second);
    former_.remember(*device->second.schema());
    devices_.erase(device);
    const UtcMillis time = decoded->payload.timestamp.value_or(clock_.utc_now());
    sink_.device_died({address, time, "the node lost the device"});
}

void NodeSession::device_data(std::string_view name, std::string_view bytes) {
    const auto device = devices_.find(name);
    if (device == devices_.end()) {
        ++tally_.before_birth;
        // The next position would cover the rows this message came with.
        unbroken_ = false;
        return want_rebirth();
    }
    const auto head = read_head(bytes);
    if (!head) return malformed(head.error());
    auto data = device->second.decode(bytes, *head, clock_.utc_now(), tally_);
    if (!data) return malformed(data.error());
    if (data->has_unknown || data->has_changed_type) {
        // What was left out must not be acknowledged: the node keeps it and sends it again after its rebirth.
        unbroken_ = false;
        want_rebirth();
    }
    refused_.note(*device->second.schema(), data->refused);
    emit(device->second, std::move(*data));
}

void NodeSession::node_data(std::string_view bytes) {
    auto decoded = sparkplug::decode(bytes, &node_catalog_);
    if (!decoded) return malformed(decoded.error());
    tally_.unsupported_metrics += decoded->unsupported;
    tally_.unknown_metrics += decoded->unknown;
    if (decoded->unknown > 0) want_rebirth();
    NodeChanged changed{node_, decoded->payload.timestamp.value_or(clock_.utc_now()), {}};
    for (auto& metric : decoded->payload.metrics) changed.metrics[metric.name] = std::move(metric.value);
    if (!changed.metrics.empty()) sink_.node_changed(std::move(changed));
}

void NodeSession::emit(const DeviceCatalog& device, DecodedData data) {
    Samples transient{device.schema(), std::move(data.transient), false, true, std::nullopt};
    Samples live{device.schema(), std::move(data.live), false, false, std::nullopt};
    Samples historical{device.schema(), std::move(data.historical), true, false, std::nullopt};
    if (!transient.samples.empty()) emit(std::move(transient));
    // A message of which nothing could be used still carries its position: the node is to forget it.
    const bool live_last = historical.samples.empty();
    if (unbroken_ && live_last) live.spool_position = data.spool_position;
    if (!live.samples.empty() || live.spool_position) emit(std::move(live));
    if (live_last) return;
    if (unbroken_) historical.spool_position = data.spool_position;
    emit(std::move(historical));
}

void NodeSession::emit(Samples samples) {
    tally_.readings += samples.samples.size();
    if (!sink_.samples(std::move(samples))) unbroken_ = false;
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
    if (auto refused = refused_.take_news(clock_.steady_now())) sink_.readings_refused(std::move(*refused));
    if (!born_) return;
    const auto now = clock_.steady_now();
    if (const auto deadline = tracker_.deadline(); deadline && now >= *deadline) {
        note_gap();
        take_held();
    }
    if (!stale_ && now - last_heard_ > options_.stale_after) {
        stale_ = true;
        sink_.node_stale({node_, clock_.utc_now(), "nothing heard for " + format_duration(options_.stale_after)});
    }
}

void NodeSession::lose(const std::string& reason) {
    const bool was_fresh = born_ && !stale_;
    const bool was_known = born_ || rebirth_requested_;
    take_held();
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

bool NodeSession::is_rebirth_under_way(Steady::duration window) const {
    return rebirth_wanted_ && rebirth_requested_ && clock_.steady_now() - *rebirth_requested_ < window;
}

}  // namespace labhub::coordinator::ingest
