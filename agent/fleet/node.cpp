#include "agent/fleet/node.hpp"

#include <cstdio>

#include "agent/spool/file_storage.hpp"
#include "agent/spool/memory_storage.hpp"

namespace labhub::agent::fleet {
namespace {

constexpr const char* kDevice = "vessel";

edge_node::Settings settings_of(const Shared& shared, const std::string& name) {
    edge_node::Settings settings;
    settings.group = shared.options.group;
    settings.node = name;
    settings.primary_host = shared.options.primary_host;
    settings.info = {LABHUB_VERSION, shared.boot_id, shared.options.host_key, 0};
    settings.replay.messages_per_second = shared.options.replay_messages_per_second;
    return settings;
}

std::unique_ptr<spool::Storage> storage_of(const Options& options, const std::string& name) {
    if (options.state.empty()) return std::make_unique<spool::MemoryStorage>(options.spool_bytes);
    spool::FileStorage::Options file;
    file.max_bytes = options.spool_bytes;
    return std::make_unique<spool::FileStorage>(options.state / name / "spool.sqlite", file);
}

std::unique_ptr<edge_node::BdSeq> bd_seq_of(std::optional<state::StateDatabase>& state, const Clock& clock) {
    if (state) return std::make_unique<edge_node::StoredBdSeq>(*state, clock);
    return std::make_unique<edge_node::MemoryBdSeq>(clock.utc_now());
}

}  // namespace

std::string node_name(std::uint32_t number) {
    char name[24];
    std::snprintf(name, sizeof name, "fleet-%05u", number);
    return name;
}

Result<std::unique_ptr<Node>> Node::make(const Shared& shared, std::uint32_t number) {
    std::optional<state::StateDatabase> state;
    if (!shared.options.state.empty()) {
        const auto folder = shared.options.state / node_name(number);
        LABHUB_CHECK(make_folder(shared.options.state, 0700));
        LABHUB_CHECK(make_folder(folder, 0700));
        LABHUB_TRY(state, state::StateDatabase::open(folder, shared.clock));
    }
    return std::unique_ptr<Node>(new Node(shared, number, std::move(state)));
}

Node::Node(const Shared& shared, std::uint32_t number, std::optional<state::StateDatabase> state)
    : name_(node_name(number)),
      state_(std::move(state)),
      ledger_(shared.ledger),
      driver_(new SignalDriver(shared.metrics, shared.options.seed, number, shared.clock)),
      device_(kDevice, std::unique_ptr<firmware_bridge::Driver>(driver_), shared.clock),
      audit_(state_ ? state_->writer() : shared.state, shared.clock),
      path_(shared.executor, shared.clock, audit_, {}),
      spool_(shared.executor, storage_of(shared.options, name_), {}, shared.clock),
      bd_seq_(bd_seq_of(state_, shared.clock)),
      edge_node_(shared.executor, settings_of(shared, name_), shared.broker, shared.clock, spool_, path_, *bd_seq_) {
    path_.add(device_);
    const auto keep = [this](const sampling::Device& device, std::vector<Reading> readings) {
        if (ledger_ && recorded_) recorded_ = ledger_->record(name_, device.id(), readings);
        produced_ += readings.size();
        spool_.append(spool::Class::reading, spool::Batch{device.id(), std::move(readings)});
    };
    device_.listen(keep);
    device_.listen_to_changes(keep);
    if (state_) {
        spool_.open();
        device_.start_after(spool_.state().newest);
    }
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
