#include "agent/edge_node/edge_node.hpp"

#include <spdlog/spdlog.h>

#include "shared/sparkplug/codec.hpp"

namespace labhub::agent::edge_node {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{250};
constexpr std::chrono::milliseconds kLongestRetry{15'000};
/// A session this long was a good one: the next attempt may come at once.
constexpr std::chrono::milliseconds kGoodSession{10'000};

}  // namespace

EdgeNode::EdgeNode(asio::any_io_executor executor, Settings settings, mqtt::ConnectOptions broker, const Clock& clock,
                   spool::Spool& spool, safety::CommandPath& path, BdSeq& bd_seq)
    : executor_(executor),
      settings_(std::move(settings)),
      broker_(std::move(broker)),
      clock_(clock),
      spool_(spool),
      path_(path),
      bd_seq_(bd_seq),
      backoff_(kFirstRetry, kLongestRetry) {}

Result<mqtt::ConnectOptions> EdgeNode::options(std::uint8_t bd_seq) const {
    mqtt::ConnectOptions options = broker_;
    options.client_id = settings_.group + "-" + settings_.node;
    mqtt::Will will;
    LABHUB_TRY(will.topic,
               sparkplug::format_topic({settings_.group, sparkplug::MessageType::ndeath, settings_.node, ""}));
    LABHUB_TRY(will.payload,
               sparkplug::encode(sparkplug::MessageType::ndeath, sparkplug::node_death(bd_seq, clock_.utc_now())));
    options.will = std::move(will);
    return options;
}

void EdgeNode::note_problem(const Error& error) {
    const std::string text = error.to_string();
    if (text != problem_) spdlog::warn("broker {}:{}: {}", broker_.host, broker_.port, text);
    problem_ = text;
}

Task<void> EdgeNode::attempt() {
    present_bd_seq_ = co_await bd_seq_.next();
    auto connect_options = options(present_bd_seq_);
    if (!connect_options) {
        note_problem(connect_options.error());
        co_return;
    }
    auto connection = co_await mqtt::Connection::connect(std::move(*connect_options));
    if (!connection) {
        note_problem(connection.error());
        co_return;
    }
    if (stopping_) co_return;
    if (!delivery_) delivery_.emplace(settings_.delivery, spool_.state().acknowledged, spool_.state().sent);
    const Surroundings around{executor_, settings_, clock_, spool_, path_, host_, *delivery_, last_command_};
    session_ = std::make_unique<Session>(around, std::move(*connection), present_bd_seq_);
    auto begun = co_await session_->begin();
    if (begun && stopping_) {
        co_await session_->leave();
    } else if (begun) {
        in_session_ = true;
        problem_.clear();
        spdlog::info("broker {}:{}: born with bdSeq {}", broker_.host, broker_.port, present_bd_seq_);
        const Error ended = co_await session_->run();
        in_session_ = false;
        if (!stopping_) note_problem(ended);
    } else {
        note_problem(begun.error());
    }
    delivery_->lost(clock_.steady_now());
    session_.reset();
}

Task<void> EdgeNode::run() {
    while (!stopping_) {
        const auto begun = clock_.steady_now();
        co_await attempt();
        if (stopping_) co_return;
        if (clock_.steady_now() - begun > kGoodSession) backoff_.reset();
        co_await sleep_for(backoff_.next());
    }
}

Task<void> EdgeNode::stop() {
    stopping_ = true;
    if (session_ && in_session_) co_await session_->leave();
}

void EdgeNode::live(const spool::Batch& batch, Position position) {
    if (in_session_) session_->live(batch, position);
}

void EdgeNode::device_found(const sampling::Device& device) {
    if (in_session_) session_->device_found(device);
}

void EdgeNode::device_lost(const sampling::Device& device) {
    if (in_session_) session_->device_lost(device);
}

void EdgeNode::ask_rebirth() {
    if (in_session_) session_->ask_rebirth();
}

std::string EdgeNode::describe() const {
    const std::string broker = broker_.host + ":" + std::to_string(broker_.port);
    if (in_session_) return "connected to " + broker + " (bdSeq " + std::to_string(present_bd_seq_) + ")";
    return "not connected to " + broker + ": " + problem_;
}

}  // namespace labhub::agent::edge_node
