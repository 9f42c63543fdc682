#include "coordinator/cli/hub_stream.hpp"

#include "shared/runtime/backoff.hpp"

namespace labhub::cli {
namespace {

/// Three times the hub's heartbeat.
constexpr std::chrono::seconds kSilence{30};

}  // namespace

Task<Result<void>> follow_stream(Context& context, HubStream stream,
                                 std::function<bool(const EventStream::Event&)> event) {
    EventStream events;
    bool was_connected = false, is_enough = false;
    const std::function<void(const EventStream::Event&)> give = [&](const EventStream::Event& each) {
        is_enough = is_enough || !event(each);
    };
    Backoff backoff(std::chrono::milliseconds{200}, std::chrono::seconds{5});
    while (true) {
        http::ClientRequest request;
        request.target = stream.target;
        request.timeout = kSilence;
        request.headers.emplace_back("Accept", "text/event-stream");
        const std::string& last = events.last_id().empty() ? stream.last_id : events.last_id();
        if (!last.empty()) request.headers.emplace_back("Last-Event-ID", last);
        http::Client::Sink sink = [&](std::string_view piece) -> Result<void> {
            was_connected = true;
            backoff.reset();
            events.append(piece, give);
            if (is_enough) return Error{ErrorCode::conflict, "enough"};
            return {};
        };
        auto ended = co_await context.hub.receive(std::move(request), std::move(sink));
        if (is_enough || (ended && stream.has_end)) co_return Result<void>();
        const bool may_return =
            !ended && (ended.error().code == ErrorCode::unavailable || ended.error().code == ErrorCode::timed_out);
        if (!ended && (!was_connected || !may_return)) co_return ended;
        events.restart();
        context.console.live("the hub is away; trying again");
        co_await sleep_for(backoff.next());
        context.console.live({});
    }
}

}  // namespace labhub::cli
