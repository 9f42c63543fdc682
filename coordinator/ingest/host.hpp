#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "coordinator/ingest/ingest.hpp"
#include "coordinator/ingest/session_table.hpp"
#include "coordinator/ingest/tally.hpp"
#include "shared/runtime/backoff.hpp"
#include "shared/runtime/task_group.hpp"

namespace labhub::coordinator::ingest {

/// What Ingest hides: the thread, the connection to the broker and our STATE.
class Ingest::Host {
  public:
    Host(Options options, const Clock& clock, Sink& sink);
    ~Host() { stop(); }

    Result<void> start();
    void stop();
    void request_rebirth(NodeId node);
    void acknowledge(NodeId node, std::int64_t position);
    void enrol(std::map<NodeId, std::string> host_keys, std::vector<NodeId> anew);
    Counters counters() const { return tally_.snapshot(); }

  private:
    Task<void> keep_connected();
    Task<Result<void>> open_connection();
    Task<std::string> serve();
    Task<void> keep_ticking();
    Task<void> shut_down();
    void take(const mqtt::Message& message);
    void answer_state(const mqtt::Message& message);
    void send_command(const NodeId& node, const char* metric, Value value);
    std::vector<mqtt::Subscription> wanted() const;
    std::string state_json(bool online, UtcMillis time) const;

    Options options_;
    const Clock& clock_;
    Sink& sink_;
    Tally tally_;
    std::string state_topic_;

    asio::io_context io_{1};
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::thread thread_;

    // Touched on the thread only, from here on.
    SessionTable sessions_;
    TaskGroup tasks_;
    Backoff backoff_;
    std::unique_ptr<mqtt::Connection> connection_;
    std::uint64_t pauses_counted_ = 0;  // of the connection's, in the tally
    UtcMillis will_time_;               // of this connection's Will and STATE: they must be the same
    bool online_ = false;  // STATE online is out: nothing of ours may precede it (host-topic-phid-birth-message)
    bool stopping_ = false;
};

}  // namespace labhub::coordinator::ingest
