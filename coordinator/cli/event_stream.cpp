#include "coordinator/cli/event_stream.hpp"

namespace labhub::cli {

void EventStream::append(std::string_view bytes, const std::function<void(const Event&)>& event) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        if (line_.ends_with('\r')) line_.pop_back();
        const std::string line = std::exchange(line_, {});
        take_line(line, event);
    }
}

void EventStream::restart() {
    line_.clear();
    type_.clear();
    data_.clear();
    has_data_ = false;
    next_id_ = last_id_;
}

void EventStream::take_line(std::string_view line, const std::function<void(const Event&)>& event) {
    if (line.empty()) {
        last_id_ = next_id_;
        if (has_data_) event(Event{type_.empty() ? "message" : type_, data_, last_id_});
        restart();
        return;
    }
    const auto colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "event") type_ = value;
    if (field == "id") next_id_ = value;
    if (field != "data") return;
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
}

}  // namespace labhub::cli
