#include "agent/fleet/node.hpp"

#include <cstdio>

namespace labhub::agent::fleet {
namespace {

constexpr const char* kDevice = "vessel";

edge_node::Settings settings_of(const Shared& shared, const std::string& name) {
    edge_node::Settings settings;
    settings.group = shared.options.group;
    settings.node = name;
    settings.primary_host = shared.options.primary_host;
    settings.info = {LABHUB_VERSION, shared.boot_id, "", 0};
    settings.replay.messages_per_second = shared.options.replay_messages_per_second;
    return settings;
}

}  // namespace

std::string node_name(std::uint32_t number) {
    char name[24];
    std::snprintf(name, sizeof name, "fleet-%05u", number);
    return name;
}

Node::Node(const Shared& shared, std::uint32_t number)
    : name_(node_name(number)),
      ledger_(shared.ledger),
      driver_(new SignalDriver(shared.metrics, shared.options.seed, number, shared.clock)),
      device_(kDevice, std::unique_ptr<firmware_bridge::Driver>(driver_), shared.clock),
      audit_(shared.state, shared.clock),
      path_(shared.executor, shared.clock, audit_, {}),
      spool_(shared.executor, std::make_unique<spool::MemoryStorage>(shared.options.spool_bytes), {}, shared.clock),
      bd_seq_(shared.clock.utc_now()),
      edge_node_(shared.executor, settings_of(shared, name_), shared.broker, shared.clock, spool_, path_, bd_seq_) {
    path_.add(device_);
    const auto keep = [this](const sampling::Device& device, std::vector<Reading> readings) {
        if (ledger_ && recorded_) recorded_ = ledger_->record(name_, device.id(), readings);
        produced_ += readings.size();
        spool_.append(spool::Class::reading, spool::Batch{device.id(), std::move(readings)});
    };
    device_.listen(keep);
    device_.listen_to_changes(keep);
    spool_.give_to([this](const spool::Batch& batch, spool::Position position) { edge_node_.live(batch, position); });
}

Task<void> Node::start(TaskGroup& tasks) {
    co_await device_.look();
    // Its birth has values then, not nulls.
    recorded_ = measure();
    tasks.spawn(name_ + " spool", spool_.run());
    tasks.spawn(name_, edge_node_.run());
}

Result<void> Node::measure() {
    device_.accept(driver_->measure());
    return recorded_;
}

Task<void> Node::stop() { return edge_node_.stop(); }

}  // namespace labhub::agent::fleet
