#include "firmware-bridge/sim/event_log.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "shared/base/json.hpp"

namespace labhub::firmware_bridge::sim {

Result<EventLog> EventLog::open(const std::filesystem::path& path, const Clock& clock) {
    if (path.empty()) return EventLog(UniqueFd(), clock);
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file) return system_error("open the event log " + path.string(), errno);
    return EventLog(std::move(file), clock);
}

void EventLog::add(std::string_view event, boost::json::object fields) {
    if (!file_) return;
    const std::chrono::duration<double, std::milli> monotonic = clock_->steady_now().time_since_epoch();
    const auto utc = clock_->utc_now();
    boost::json::object line;
    line["monotonic_ms"] = monotonic.count();
    line["utc_ms"] = utc.count;
    line["utc"] = to_rfc3339(utc);
    line["event"] = event;
    for (auto& field : fields) line[field.key()] = std::move(field.value());
    const std::string text = to_json(line) + "\n";
    if (::write(file_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        spdlog::error("event log: {}", system_error("write", errno).message);
}

}  // namespace labhub::firmware_bridge::sim
