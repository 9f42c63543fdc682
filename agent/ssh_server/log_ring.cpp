#include "agent/ssh_server/log_ring.hpp"

#include <algorithm>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include "shared/base/text.hpp"

namespace labhub::agent::ssh_server {

using Ring = spdlog::sinks::ringbuffer_sink_mt;

LogRing::LogRing() : sink_(std::make_shared<Ring>(kLines)) {
    sink_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc));
    spdlog::default_logger()->sinks().push_back(sink_);
}

LogRing::~LogRing() { std::erase(spdlog::default_logger()->sinks(), sink_); }

std::vector<std::string> LogRing::last(std::size_t count) const {
    std::vector<std::string> lines = std::static_pointer_cast<Ring>(sink_)->last_formatted(std::min(count, kLines));
    for (std::string& line : lines) line.erase(line.find_last_not_of("\r\n") + 1);
    return lines;
}

}  // namespace labhub::agent::ssh_server
