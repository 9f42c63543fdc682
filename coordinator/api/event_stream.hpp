#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "shared/http/message.hpp"
#include "shared/runtime/task.hpp"

/// Server-sent events (WHATWG HTML, 9.2): what all streams of the hub have in common.
namespace labhub::coordinator::api {

/// What one client is sent. It is asked for more only when the client has taken what it was sent before: a slow one
/// costs a place among the connections and nothing else. Main thread.
class EventSource {
  public:
    virtual ~EventSource() = default;
    /// What there is now, as event_text() makes it; empty: nothing new. An error cuts the connection off.
    virtual Task<Result<std::string>> take() = 0;
    /// Returns when there may be more, at the latest after `limit`.
    virtual Task<void> wait(std::chrono::milliseconds limit) = 0;
    /// Sent when there has been nothing for a while, and at the beginning: a comment, perhaps with an id.
    virtual std::string heartbeat() { return ": nothing new\n\n"; }
    /// Nothing will come any more: the stream ends.
    virtual bool has_ended() const { return false; }
};

/// One event; `data` is one line of JSON. An empty `id` leaves the client's last one as it is.
std::string event_text(std::string_view id, std::string_view type, const boost::json::object& data);

/// The answer that streams from `source` until that has ended or the client has gone.
http::Response event_stream(std::shared_ptr<EventSource> source);

/// The id a client that comes back sends along: the header Last-Event-ID.
std::optional<std::string> last_event_id(const http::Request& request);
/// Whether the client asks for a stream: "Accept: text/event-stream".
bool wants_event_stream(const http::Request& request);

}  // namespace labhub::coordinator::api
