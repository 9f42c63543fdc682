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

constexpr std::size_t kMaxMetrics = 20'000;     // of one message
constexpr std::size_t kMaxNodeMetrics = 2'000;  // of a node itself: its birth goes to the main thread whole
/// Of all nodes, and as much again for those that are enrolled: nobody else can take their room.
constexpr std::size_t kMaxKnownMetrics = 500'000;
constexpr std::size_t kMaxKnownBytes = std::size_t{256} << 20;
constexpr int kRoomIntervals = 12;  // rebirth intervals until there may be room again
constexpr int kLongUnborn = 2;      // requests in vain; before them a node may just not have heard of us
constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 20;  // of all nodes' messages that wait for their turn
constexpr std::size_t kBootIds = 4;

}  // namespace

NodeSession::NodeSession(NodeId node, const Options& options, const Clock& clock, Sink& sink, Tally& tally)
    : node_(std::move(node)),
      options_(options),
      clock_(clock),
      sink_(sink),
      tally_(tally),
      tracker_(options.reorder_window),
      remarks_(node_, options_, clock_, tally_),
      former_(tally, remarks_),
      refused_(node_, tally, remarks_),
      refused_metrics_(node_),
      last_heard_(clock.steady_now()),
      rebirths_(options.rebirth_interval),
      defects_(options.rebirth_interval, tally) {
    ++tally_.nodes;
}

NodeSession::~NodeSession() {
    end();
    --tally_.nodes;
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
        return malformed(topic.type, topic.device,
                         Error{ErrorCode::too_large, "a payload of " + std::to_string(bytes.size()) + " bytes"});
    auto head = read_head(bytes);
    std::string unpacked;
    if (head && head->uuid == kCompressedUuid) {
        auto inner = unpack(head->body);
        if (!inner) return malformed(topic.type, topic.device, inner.error());
        unpacked = std::move(*inner);
        bytes = unpacked;
        head = read_head(bytes);
    }
    if (!head) return malformed(topic.type, topic.device, head.error());
    if (head->metrics > kMaxMetrics)
        return malformed(topic.type, topic.device,
                         Error{ErrorCode::too_many, "a message of " + std::to_string(head->metrics) + " metrics",
                               "at most " + std::to_string(kMaxMetrics)});
    if (topic.type == MessageType::ndeath) return node_death(bytes);
    if (topic.type == MessageType::nbirth) return node_birth(bytes, *head);
    if (!born_) return note_not_born(topic.type);
    sequenced(topic, bytes, *head);
}

void NodeSession::sequenced(const sparkplug::Topic& topic, std::string_view bytes, const PayloadHead& head) {
    if (!head.seq) return malformed(topic.type, topic.device, Error{ErrorCode::malformed, "a message without seq"});
    const auto seq = static_cast<std::uint8_t>(*head.seq);
    if (tracker_.take_next(seq)) return in_turn(Incoming{topic.type, topic.device, bytes});
    const auto repeats = tracker_.repeats();
    for (const auto& ready : tracker_.accept({seq, topic, std::string(bytes)}, clock_.steady_now())) in_turn(ready);
    count_held();
    // TCP repeats nothing: a seq from the past is what is left when half a turn of them has been lost at once.
    if (tracker_.repeats() != repeats) note_gap();
    const auto deadline = tracker_.deadline();
    const bool is_crowded = tally_.held_bytes > kMaxHeldBytes;
    if (!deadline || (clock_.steady_now() < *deadline && !is_crowded)) return;
    tally_.crowded_waits += is_crowded ? 1 : 0;
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
        return malformed(MessageType::nbirth, "",
                         Error{ErrorCode::too_many, "an NBIRTH of " + std::to_string(head.metrics) + " metrics",
                               "at most " + std::to_string(kMaxNodeMetrics) + " of the node itself"});
    if (!has_room_for(head.metrics - std::min(head.metrics, node_metrics_), bytes.size()))
        return refuse_for_room("an NBIRTH");
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(MessageType::nbirth, "", decoded.error());
    const auto& payload = decoded->payload;
    const auto bd_seq = sparkplug::bd_seq_of(payload);
    if (!bd_seq || !head.seq)
        return malformed(MessageType::nbirth, "", Error{ErrorCode::malformed, "an NBIRTH without seq or bdSeq"});
    if (is_somebody_else(payload)) return;
    take_held();
    end();
    born_ = unbroken_ = true;
    rebirths_.answered();
    defects_.node_born();
    bd_seq_ = *bd_seq;
    tracker_.start(static_cast<std::uint8_t>(*head.seq));
    node_catalog_.learn(payload);
    node_metrics_ = payload.metrics.size();
    tally_.known_metrics += node_metrics_;
    node_bytes_ = bytes.size();
    tally_.known_bytes += node_bytes_;
    note_mended("", payload);
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
        suspect(host_key.empty()
                    ? "refused a birth that names no SSH host key; the NBIRTH of an enrolled node has the text metric"
                      " 'Node Info/SSH Host Key', with the key it is enrolled with"
                    : "refused a birth with another SSH host key than the enrolled one: '" + printable(host_key, 64) +
                          "'; if it is the machine's new key, enrol it with that");
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
    if (!decoded) return malformed(MessageType::ndeath, "", decoded.error());
    // A Will that comes late belongs to a session that has been replaced, and a second death says nothing new.
    if (!born_ || sparkplug::bd_seq_of(decoded->payload) != bd_seq_) {
        ++tally_.refused_deaths;
        if (const auto count = remarks_.note(Oddity::foreign_death))
            spdlog::warn(
                "node {}: ignored an NDEATH of another session than the present one ({} so far); its bdSeq must"
                " be that of the NBIRTH",
                node_.value, *count);
        return;
    }
    take_held();
    end();
    sink_.node_died({node_, clock_.utc_now(), "the node ended its session, or the broker lost it"});
}

void NodeSession::end() {
    born_ = stale_ = unbroken_ = lacks_room_ = false;
    if (!devices_.empty()) former_.clear();
    for (const auto& [name, device] : devices_) {
        forget(device);
        former_.remember(*device.schema());
    }
    devices_.clear();
    tally_.known_metrics -= std::exchange(node_metrics_, 0);
    tally_.known_bytes -= std::exchange(node_bytes_, 0);
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

void NodeSession::malformed(MessageType type, std::string_view device, const Error& why) {
    ++tally_.malformed;
    if (const auto count = remarks_.note(Oddity::malformed))
        spdlog::warn("node {}: {} {}: {} ({} malformed messages so far)", node_.value, to_string(type), device,
                     why.to_string(), *count);
    if (born_) return note({Defect::Kind::unreadable_message, std::string(to_string(type))}, device);
    want_rebirth();
}

bool NodeSession::has_room_for(std::size_t metrics, std::size_t bytes) const {
    const std::size_t shares = is_enrolled() ? 2 : 1;
    return tally_.known_metrics + metrics <= shares * kMaxKnownMetrics &&
           tally_.known_bytes + bytes <= shares * kMaxKnownBytes;
}

void NodeSession::refuse_for_room(std::string_view what) {
    ++tally_.malformed;
    unbroken_ = false;
    lacks_room_ = true;
    rebirths_.want(clock_.steady_now() + options_.rebirth_interval * kRoomIntervals);
    if (const auto count = remarks_.note(Oddity::no_room))
        spdlog::warn(
            "node {}: no room for {}: all nodes together have {} metrics of {} bytes; at most {} and {} ({} so"
            " far)",
            node_.value, what, tally_.known_metrics.load(), tally_.known_bytes.load(), kMaxKnownMetrics, kMaxKnownBytes,
            *count);
}

void NodeSession::note(const Defect& defect, std::string_view device) {
    const auto finding = defects_.found(defect, device, clock_.steady_now());
    if (!finding.is_given_up) {
        unbroken_ = false;
        rebirths_.want(finding.ask_at);
        const auto count = finding.is_news ? remarks_.note(Oddity::defect) : std::nullopt;
        if (count)
            spdlog::warn("node {}: sent {}; asking for its births: {} ({} such so far)", node_.value,
                         describe(defect, device), remedy(defect), *count);
        return;
    }
    ++tally_.given_up_values;
    if (finding.is_news && remarks_.may_log())
        spdlog::warn("node {}: {} births have not mended {}: left out from now on, until a birth does; {}", node_.value,
                     Defects::kFruitlessBirths, describe(defect, device), remedy(defect));
}

void NodeSession::note_mended(std::string_view device, const sparkplug::Payload& birth) {
    const auto mended = defects_.mend(device, birth);
    if (mended > 0 && remarks_.may_log())
        spdlog::info("node {}: a birth of {} puts right {} things that were left out", node_.value,
                     device.empty() ? "the node" : std::string(device), mended);
}

void NodeSession::note_not_born(MessageType type) {
    ++tally_.before_birth;
    want_rebirth();
    if (rebirths_.unanswered() < kLongUnborn) return;
    if (const auto count = remarks_.note(Oddity::not_born))
        spdlog::warn(
            "node {}: sends {} and no NBIRTH though it was asked for one; a session must begin with NBIRTH ({}"
            " such messages so far)",
            node_.value, to_string(type), *count);
}

void NodeSession::refuse_retained(const sparkplug::Topic& topic) {
    ++tally_.refused_retained;
    if (const auto count = remarks_.note(Oddity::retained))
        spdlog::warn(
            "node {}: ignored a retained {} ({} so far): births, data and deaths must not be retained; an empty"
            " retained message on its topic removes it",
            node_.value, to_string(topic.type), *count);
}

void NodeSession::tick() {
    const auto now = clock_.steady_now();
    if (auto refused = refused_.take_news(now)) sink_.readings_refused(std::move(*refused));
    defects_.forget_old(now);
    if (!born_) return;
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
    const bool was_known = born_ || rebirths_.has_asked();
    take_held();
    end();
    if (was_known) want_rebirth();
    rebirths_.begin_anew();
    if (was_fresh) sink_.node_stale({node_, clock_.utc_now(), reason});
}

bool NodeSession::take_rebirth_request() {
    const bool is_due = rebirths_.take(clock_.steady_now(), last_heard_);
    tally_.rebirths_requested += is_due ? 1 : 0;
    return is_due;
}

}  // namespace labhub::coordinator::ingest
