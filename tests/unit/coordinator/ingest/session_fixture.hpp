#pragma once

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "coordinator/ingest/node_session.hpp"
#include "tests/unit/coordinator/ingest/edge_node_messages.hpp"
#include "tests/unit/coordinator/ingest/recording_sink.hpp"

namespace labhub::coordinator::ingest {

/// What is logged while it is there.
class CapturedLog {
  public:
    CapturedLog() : former_(spdlog::default_logger()) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::move(sink)));
    }
    ~CapturedLog() { spdlog::set_default_logger(former_); }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;

    /// Lines that hold `part`.
    std::size_t lines_with(const std::string& part) const {
        std::istringstream all(text_.str());
        std::size_t count = 0;
        for (std::string line; std::getline(all, line);) count += line.find(part) == line.npos ? 0 : 1;
        return count;
    }

  private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> former_;
};

/// One node's session, fed with what the node "n" sends.
struct SessionFixture : testing::Test {
    ManualClock clock;
    RecordingSink sink;
    Tally tally;
    Options options;
    NodeSession session{NodeId{"n"}, options, clock, sink, tally};
    EdgeNodeMessages node{clock};
    CapturedLog log;

    void send(sparkplug::MessageType type, const std::string& bytes) {
        session.receive(EdgeNodeMessages::topic(type), bytes);
    }
    void data(const std::string& bytes) { send(sparkplug::MessageType::ddata, bytes); }
    void be_born() {
        send(sparkplug::MessageType::nbirth, node.node_birth());
        send(sparkplug::MessageType::dbirth, node.device_birth());
        sink.take();
    }
};

}  // namespace labhub::coordinator::ingest
