#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace labhub::cli {

/// Cuts a text/event-stream (WHATWG HTML, 9.2.6) into its events. Whatever pieces it comes in.
class EventStream {
  public:
    struct Event {
        std::string type = "message";
        std::string data;
        std::string id;  ///< the last one seen, of this event or an earlier one
    };
    /// Calls `event` for each that is complete.
    void append(std::string_view bytes, const std::function<void(const Event&)>& event);
    /// What the stream goes on after when it is opened again; empty before the first id.
    const std::string& last_id() const { return last_id_; }
    /// A connection was lost: what has come of an event is forgotten.
    void restart();

  private:
    void take_line(std::string_view line, const std::function<void(const Event&)>& event);

    std::string line_;
    std::string type_, data_, last_id_, next_id_;
    bool has_data_ = false;
};

}  // namespace labhub::cli
