#include "coordinator/api/event_stream.hpp"

#include "shared/base/clock.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::api {
namespace {

constexpr std::chrono::seconds kHeartbeat{10};
constexpr std::size_t kSendBuffer = 64 * 1024;

Task<Result<std::string>> next_text(std::shared_ptr<EventSource> source, std::shared_ptr<bool> has_begun) {
    if (!std::exchange(*has_begun, true)) co_return "retry: 2000\n" + source->heartbeat();
    const auto heartbeat = Steady::now() + kHeartbeat;
    while (!source->has_ended()) {
        auto taken = co_await source->take();
        if (!taken || !taken->empty()) co_return taken;
        if (source->has_ended()) break;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(heartbeat - Steady::now());
        if (left.count() <= 0) co_return source->heartbeat();
        co_await source->wait(left);
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
            Error gone{ErrorCode::unavailable, "the client has gone"};
            co_return gone;
        }
    }
    co_return std::string();
}

}  // namespace

std::string event_text(std::string_view id, std::string_view type, const boost::json::object& data) {
    std::string text;
    if (!id.empty()) text.append("id: ").append(id).append("\n");
    return text.append("event: ").append(type).append("\ndata: ").append(to_json(data)).append("\n\n");
}

http::Response event_stream(std::shared_ptr<EventSource> source) {
    http::Response response;
    response.headers = {
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    http::StreamBody body;
    body.next = [source = std::move(source), has_begun = std::make_shared<bool>(false)] {
        return next_text(source, has_begun);
    };
    body.send_buffer = kSendBuffer;
    response.body = std::move(body);
    return response;
}

std::optional<std::string> last_event_id(const http::Request& request) {
    const auto header = request.header("Last-Event-ID");
    if (!header || header->empty()) return std::nullopt;
    return std::string(*header);
}

bool wants_event_stream(const http::Request& request) {
    const auto accept = request.header("Accept");
    return accept && accept->find("text/event-stream") != std::string_view::npos;
}

}  // namespace labhub::coordinator::api
