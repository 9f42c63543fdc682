#include "coordinator/domain/telemetry/fleet_news.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include <boost/asio/post.hpp>

namespace labhub::coordinator::telemetry {
namespace {

constexpr std::size_t kMostSamples = 1'024;   // of one device, for one turn of the main thread
constexpr std::size_t kMostWeight = 500'000;  // of the news that wait, in metrics: births of all that ingest knows

/// What one device sent since the main thread's last turn.
struct DeviceSamples {
    ingest::DeviceSchemaPtr schema;
    std::vector<ingest::Sample> samples;

    void add(const std::vector<ingest::Sample>& more) {
        samples.insert(samples.end(), more.begin(), more.end());
        if (samples.size() > std::max(kMostSamples, 4 * schema->metrics.size())) keep_latest();
    }
    void keep_latest() {
        std::vector<const ingest::Sample*> latest(schema->metrics.size(), nullptr);
        for (const auto& sample : samples)
            if (!latest[sample.metric] || latest[sample.metric]->time <= sample.time) latest[sample.metric] = &sample;
        std::vector<ingest::Sample> kept;
        for (const auto* sample : latest)
            if (sample) kept.push_back(*sample);
        samples = std::move(kept);
    }
    std::vector<Reading> readings() {
        std::vector<Reading> all;
        all.reserve(samples.size());
        for (auto& sample : samples)
            all.push_back({schema->metrics[sample.metric].name, std::move(sample.value), sample.time, sample.quality});
        return all;
    }
};

using Item = std::variant<FleetNews::News, DeviceSamples>;

}  // namespace

struct FleetNews::Shared {
    Shared(fleet::Fleet& fleet_in, asio::any_io_executor main_in) : fleet(fleet_in), main(std::move(main_in)) {}

    fleet::Fleet& fleet;
    asio::any_io_executor main;
    std::mutex mutex;  // guards all below
    std::vector<Item> items;
    std::unordered_map<const ingest::DeviceSchema*, std::size_t> open;  // devices whose samples may join an item
    std::unordered_set<NodeId> strangers;
    std::unordered_set<NodeId> missed;  // strangers until now: the births of their devices were not carried
    std::size_t weight = 0;             // of the news among the items
    bool is_posted = false;

    static void post(const std::shared_ptr<Shared>& self) {
        if (std::exchange(self->is_posted, true)) return;
        asio::post(self->main, [self] { self->deliver(); });
    }
    void add(News news) {
        open.clear();  // what comes after the news must be told after it
        items.emplace_back(std::move(news));
    }
    /// False: no room.
    static bool add_weighed(const std::shared_ptr<Shared>& self, std::size_t its_weight, News news) {
        if (self->weight >= kMostWeight) return false;
        self->weight += 1 + its_weight;
        self->add(std::move(news));
        post(self);
        return true;
    }
    void deliver() {
        std::vector<Item> all;
        {
            const std::lock_guard lock(mutex);
            all.swap(items);
            open.clear();
            weight = 0;
            is_posted = false;
        }
        for (auto& item : all) {
            if (auto* const news = std::get_if<News>(&item)) {
                (*news)(fleet);
                continue;
            }
            auto& device = std::get<DeviceSamples>(item);
            fleet.add_readings(device.schema->device, device.readings());
        }
    }
    void find_out(const NodeId& node) {
        const bool is_known = fleet.nodes().contains(node);
        const std::lock_guard lock(mutex);
        if (!is_known)
            strangers.insert(node);
        else if (strangers.erase(node) > 0)
            missed.insert(node);
    }
};

FleetNews::FleetNews(fleet::Fleet& fleet, asio::any_io_executor main)
    : shared_(std::make_shared<Shared>(fleet, std::move(main))) {}
FleetNews::~FleetNews() = default;

void FleetNews::tell(News news) {
    const std::lock_guard lock(shared_->mutex);
    shared_->add(std::move(news));
    Shared::post(shared_);
}

bool FleetNews::tell_of(const NodeId& node, std::size_t weight, News news) {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->strangers.contains(node)) return true;
    const bool is_told = Shared::add_weighed(shared_, weight, std::move(news));
    return shared_->missed.erase(node) == 0 && is_told;
}

bool FleetNews::node_born(NodeId node, std::size_t weight, News news) {
    auto* const shared = shared_.get();
    const std::lock_guard lock(shared->mutex);
    return Shared::add_weighed(shared_, weight,
                               [shared, node = std::move(node), news = std::move(news)](fleet::Fleet& fleet) {
                                   shared->find_out(node);
                                   news(fleet);
                               });
}

void FleetNews::know(const NodeId& node) {
    const std::lock_guard lock(shared_->mutex);
    shared_->strangers.erase(node);
}

bool FleetNews::live(const ingest::Samples& samples) {
    const std::lock_guard lock(shared_->mutex);
    if (samples.samples.empty() || shared_->strangers.contains(samples.device().node)) return true;
    const auto [place, is_new] = shared_->open.try_emplace(samples.schema.get(), shared_->items.size());
    if (is_new && shared_->weight >= kMostWeight) {
        shared_->open.erase(place);
        return true;
    }
    if (is_new) {
        shared_->weight += 1 + samples.schema->metrics.size();
        shared_->items.emplace_back(DeviceSamples{samples.schema, {}});
    }
    std::get<DeviceSamples>(shared_->items[place->second]).add(samples.samples);
    Shared::post(shared_);
    return shared_->missed.empty() || shared_->missed.erase(samples.device().node) == 0;
}

}  // namespace labhub::coordinator::telemetry
