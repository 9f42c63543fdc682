#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "coordinator/broker/broker_client.hpp"
#include "coordinator/domain/commands/commander.hpp"
#include "coordinator/mirror/leftovers.hpp"
#include "coordinator/mirror/topics.hpp"

namespace labhub::coordinator::mirror {

struct MirrorOptions {
    mqtt::ConnectOptions broker;  ///< Will and client id are the mirror's own
    std::string group;
    std::string host_id;            ///< of this coordinator: makes the client id unique
    int messages_per_second = 500;  ///< at most; with more changes than that each metric is shown less often
    std::chrono::milliseconds refresh{10'000};  ///< an unchanged value is shown again with its new time after so long
};

/// Shows every metric's present value as a retained JSON topic (see Topics), for people and dashboards that know no
/// Sparkplug, and carries out what they ask through `…/set`: by the same checks, leases and audit as any command, under
/// the principal "mqtt:mirror".
///
/// It looks at the registry some times a second rather than hearing of each reading, so that its cost is bounded by
/// messages_per_second and not by the traffic: what has not changed is compared, not written anew. Retained topics of
/// what is no more are ended (see Leftovers). Thread: main. Ownership: stop() before it is destroyed; fleet and
/// commander must outlive it. Failure: without a broker it shows nothing, and everything again when there is one.
class Mirror {
  public:
    Mirror(asio::any_io_executor executor, MirrorOptions options, fleet::Fleet& fleet, commands::Commander& commander,
           const Clock& clock);

    void start();
    /// Says offline, as the Will would, and disconnects.
    Task<void> stop();

  private:
    /// What is on the broker of one metric.
    struct Shown {
        Value value;
        Quality quality = Quality::bad;
        UtcMillis time;
        Steady::time_point at;
    };
    struct ShownDevice {
        std::optional<bool> is_connected;
        std::string problem;
        std::map<std::string, Shown> metrics;
    };
    struct ShownNode {
        std::optional<fleet::NodeState> state;
        std::string reason;
        std::optional<std::uint64_t>
            births;  ///< Node::births that the description and the metrics on the broker are of
        std::map<std::string, ShownDevice> devices;
    };

    Task<void> keep_showing();
    Task<void> read_leftovers();
    void show_all();
    void let_go_of_nodes();
    bool show_node(const fleet::Node& node);
    bool show_state(const fleet::Node& node, ShownNode& shown);
    bool show_births(const fleet::Node& node, ShownNode& shown);
    bool show_device(const fleet::Device& device, ShownDevice& shown);
    bool show_metrics(const fleet::Device& device, ShownDevice& shown);
    bool remove_metrics(const fleet::Device& device, ShownDevice& shown);
    bool publish(std::string topic, std::string payload);
    void begin_anew();

    void take(mqtt::Message message);
    Task<void> carry_out(Topics::Target target, std::string payload);
    Task<Result<Reading>> apply(Topics::Target target, const MetricInfo metric, SetRequest request);
    void answer(const Topics::Target& target, std::string payload);

    asio::any_io_executor executor_;
    MirrorOptions options_;
    Topics topics_;
    fleet::Fleet& fleet_;
    commands::Commander& commander_;
    const Clock& clock_;
    broker::BrokerClient client_;
    TaskGroup tasks_;
    Leftovers leftovers_;
    bool is_reading_leftovers_ = false;
    std::map<NodeId, ShownNode> shown_;
    NodeId next_;        ///< where the next look begins, so that a small allowance reaches every node in turn
    int allowance_ = 0;  ///< messages left in this look
};

}  // namespace labhub::coordinator::mirror
