#include "agent/fleet/ledger.hpp"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace labhub::agent::fleet {

Result<Ledger> Ledger::open(const std::filesystem::path& file, Begin begin) {
    const int how = begin == Begin::empty ? O_TRUNC : O_APPEND;
    UniqueFd opened{::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0644)};
    if (!opened) return system_error("open " + file.string(), errno);
    return Ledger(std::move(opened), file.string());
}

Result<void> Ledger::record(const std::string& node, const std::string& device, const std::vector<Reading>& readings) {
    lines_.clear();
    for (const Reading& reading : readings)
        lines_ += node + ',' + device + ',' + reading.metric + ',' + std::to_string(reading.time.count) + ',' +
                  to_string(reading.value) + '\n';
    std::string_view rest = lines_;
    while (!rest.empty()) {
        const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error("write " + name_, errno);
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace labhub::agent::fleet
