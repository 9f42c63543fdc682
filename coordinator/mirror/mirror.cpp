#include "coordinator/mirror/mirror.hpp"

#include <spdlog/spdlog.h>

namespace labhub::coordinator::mirror {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 250ms;
constexpr auto kLooksPerSecond = 1s / kLook;
/// Commands under way at one time; more are refused, as whoever sends so many is not a person.
constexpr std::size_t kMostSets = 16;
constexpr std::size_t kLargestSet = 4096;

mqtt::ConnectOptions connection_of(const MirrorOptions& options, const Topics& topics, UtcMillis now) {
    mqtt::ConnectOptions broker = options.broker;
    broker.client_id = "labhub-mirror-" + options.host_id;
    broker.will = mqtt::Will{topics.hub_state(), hub_state_json(false, now), 1, true};
    return broker;
}

}  // namespace

Mirror::Mirror(asio::any_io_executor executor, MirrorOptions options, fleet::Fleet& fleet,
               commands::Commander& commander, const Clock& clock)
    : executor_(executor),
      options_(std::move(options)),
      topics_(options_.group),
      fleet_(fleet),
      commander_(commander),
      clock_(clock),
      client_(executor, "mirror", connection_of(options_, topics_, clock.utc_now()), {{topics_.set_filter(), 1}},
              {[this] { begin_anew(); }, [this](mqtt::Message message) { take(std::move(message)); }, [] {}}),
      tasks_(executor),
      leftovers_(topics_) {}

void Mirror::start() {
    client_.start();
    tasks_.spawn("mirror", keep_showing());
}

Task<void> Mirror::stop() {
    co_await tasks_.stop();
    client_.publish(topics_.hub_state(), hub_state_json(false, clock_.utc_now()), 1, true);
    co_await client_.stop();
}

void Mirror::begin_anew() {
    shown_.clear();
    client_.publish(topics_.hub_state(), hub_state_json(true, clock_.utc_now()), 1, true);
    if (!is_reading_leftovers_) tasks_.spawn("mirror leftovers", read_leftovers());
}

Task<void> Mirror::read_leftovers() {
    is_reading_leftovers_ = true;
    mqtt::ConnectOptions broker = options_.broker;
    broker.client_id = "labhub-mirror-reader-" + options_.host_id;
    auto reading = leftovers_.read(std::move(broker));
    co_await std::move(reading);
    is_reading_leftovers_ = false;
}

// --- showing -------------------------------------------------------------------------------------------------------

Task<void> Mirror::keep_showing() {
    for (;;) {
        co_await sleep_for(kLook);
        if (client_.is_open()) show_all();
    }
}

void Mirror::show_all() {
    allowance_ = std::max(1, options_.messages_per_second / static_cast<int>(kLooksPerSecond));
    if (!is_reading_leftovers_)
        leftovers_.look(fleet_, clock_.steady_now(), [this](const std::string& topic) { return publish(topic, ""); });
    const auto& nodes = fleet_.nodes();
    let_go_of_nodes();
    auto at = nodes.lower_bound(next_);
    for (std::size_t seen = 0; seen < nodes.size(); ++seen, ++at) {
        if (at == nodes.end()) at = nodes.begin();
        next_ = at->first;
        if (!show_node(at->second)) return;
    }
}

/// Nodes that are enrolled no more: their topics are ended as what a former run has left.
void Mirror::let_go_of_nodes() {
    std::erase_if(shown_, [this](const auto& entry) {
        const auto& [id, shown] = entry;
        if (fleet_.nodes().contains(id)) return false;
        leftovers_.add(topics_.node(id));
        leftovers_.add(topics_.node_state(id));
        for (const auto& [name, device] : shown.devices) {
            const DeviceAddress address{id, name};
            leftovers_.add(topics_.device_state(address));
            for (const auto& [metric, last] : device.metrics) leftovers_.add(topics_.metric(address, metric));
        }
        return true;
    });
}

bool Mirror::show_node(const fleet::Node& node) {
    ShownNode& shown = shown_[node.id];
    if (!show_state(node, shown) || !show_births(node, shown)) return false;
    for (const auto& [id, device] : node.devices)
        if (!show_device(device, shown.devices[id])) return false;
    return true;
}

bool Mirror::show_state(const fleet::Node& node, ShownNode& shown) {
    if (shown.state == node.state() && shown.reason == node.reason) return true;
    if (!publish(topics_.node_state(node.id), node_state_json(node))) return false;
    shown.state = node.state();
    shown.reason = node.reason;
    return true;
}

/// What only a birth changes: the description, and which metrics there are.
bool Mirror::show_births(const fleet::Node& node, ShownNode& shown) {
    if (shown.births == node.births) return true;
    for (const auto& [id, device] : node.devices)
        if (!remove_metrics(device, shown.devices[id])) return false;
    if (!publish(topics_.node(node.id), description_json(node))) return false;
    shown.births = node.births;
    return true;
}

bool Mirror::show_device(const fleet::Device& device, ShownDevice& shown) {
    if (shown.is_connected != device.is_connected || shown.problem != device.problem) {
        if (!publish(topics_.device_state(device.address), device_state_json(device))) return false;
        shown.is_connected = device.is_connected;
        shown.problem = device.problem;
    }
    return show_metrics(device, shown);
}

bool Mirror::show_metrics(const fleet::Device& device, ShownDevice& shown) {
    const auto now = clock_.steady_now();
    for (const auto& metric : device.metrics) {
        const auto latest = device.latest.find(metric.name);
        if (latest == device.latest.end()) continue;
        const Reading& reading = latest->second;
        const auto before = shown.metrics.find(metric.name);
        if (before != shown.metrics.end()) {
            const Shown& last = before->second;
            const bool is_same = last.value == reading.value && last.quality == reading.quality;
            if (is_same && (last.time == reading.time || now - last.at < options_.refresh)) continue;
        }
        if (!publish(topics_.metric(device.address, metric.name), reading_json(reading, metric.unit))) return false;
        shown.metrics[metric.name] = Shown{reading.value, reading.quality, reading.time, now};
    }
    return true;
}

bool Mirror::remove_metrics(const fleet::Device& device, ShownDevice& shown) {
    for (auto it = shown.metrics.begin(); it != shown.metrics.end();) {
        if (find_metric(device.metrics, it->first)) {
            ++it;
            continue;
        }
        if (!publish(topics_.metric(device.address, it->first), ""))
            return false;  // an empty one ends a retained topic
        it = shown.metrics.erase(it);
    }
    return true;
}

bool Mirror::publish(std::string topic, std::string payload) {
    if (allowance_ <= 0) return false;
    --allowance_;
    return client_.publish(std::move(topic), std::move(payload), 0, true).has_value();
}

// --- being asked ---------------------------------------------------------------------------------------------------

void Mirror::take(mqtt::Message message) {
    auto target = topics_.parse_set(message.topic);
    if (!target) return spdlog::warn("mirror: topic '{}' names no device and metric", message.topic);
    const auto refuse = [&](Error error) { answer(*target, refused_json({}, error)); };
    // A broker would hand a retained one to us again at each connection: an old wish must not move an actuator.
    if (message.retained)
        return refuse({ErrorCode::malformed, "a retained set is not carried out", "publish it without retain"});
    if (message.payload.size() > kLargestSet)
        return refuse({ErrorCode::too_large, "the payload has " + std::to_string(message.payload.size()) + " bytes",
                       "at most " + std::to_string(kLargestSet)});
    if (tasks_.size() > kMostSets)
        return refuse({ErrorCode::too_many, "too many sets are under way", "wait for their results"});
    tasks_.spawn("mirror set", carry_out(std::move(*target), std::move(message.payload)));
}

Task<void> Mirror::carry_out(Topics::Target target, std::string payload) {
    auto device = fleet_.device(target.device);
    if (!device) co_return answer(target, refused_json({}, device.error()));
    auto found = find_metric((*device)->metrics, target.metric);
    if (!found) co_return answer(target, refused_json({}, found.error()));
    const MetricInfo metric = **found;
    auto request = parse_set_request(metric, payload);
    if (!request) co_return answer(target, refused_json({}, request.error()));
    if (request->id.empty()) request->id = CommandId{new_id()};
    const CommandId id = request->id;
    auto applying = apply(target, metric, std::move(*request));
    auto applied = co_await std::move(applying);
    answer(target, applied ? applied_json(id, *applied, metric.unit) : refused_json(id, applied.error()));
}

Task<Result<Reading>> Mirror::apply(Topics::Target target, const MetricInfo metric, SetRequest request) {
    commands::Command command;
    command.id = std::move(request.id);
    command.device = target.device;
    command.principal = "mqtt:mirror";
    command.setpoints.push_back({metric.name, std::move(request.value)});
    auto applying = commander_.apply(std::move(command));
    auto applied = co_await std::move(applying);
    if (!applied) co_return std::move(applied).error();
    for (auto& reading : *applied)
        if (reading.metric == metric.name) co_return std::move(reading);
    Error silent{ErrorCode::internal, "the device did not say what it applied for " + metric.name};
    co_return silent;
}

void Mirror::answer(const Topics::Target& target, std::string payload) {
    auto sent = client_.publish(topics_.result(target.device, target.metric), std::move(payload), 1, false);
    if (!sent) spdlog::warn("mirror: the result for {} is lost: {}", target.metric, sent.error().to_string());
}

}  // namespace labhub::coordinator::mirror
