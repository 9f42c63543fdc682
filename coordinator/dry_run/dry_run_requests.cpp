// What a script asks, and when: its requests, and what its own clock has to tell.
#include <algorithm>
#include <charconv>

#include <boost/asio/cancellation_state.hpp>

#include "coordinator/dry_run/dry_run.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::dry_run {
namespace {

namespace json = boost::json;

constexpr const char* kTimeHeader = "Labhub-Time";
constexpr const char* kUntilHeader = "Labhub-Until";
constexpr const char* kLineHeader = "Labhub-Line";
constexpr std::string_view kClockPath = "/dry-run";
/// From the moment the dry run is over the answer is held back, so that the script is stopped where it is.
constexpr std::chrono::seconds kUntilStopped{1};
/// A time that far ahead is none: all threads of the script wait for each other.
constexpr std::chrono::hours kNever{24 * 365};
// Of what a script says of its own exceptions.
constexpr std::size_t kMostName = 100, kMostText = 500;

std::optional<std::int64_t> number_in(std::optional<std::string_view> text) {
    if (!text) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failure != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return number;
}

int line_from(std::int64_t said) { return static_cast<int>(std::clamp<std::int64_t>(said, 0, 1'000'000)); }

std::string text_in(const json::object& object, const char* name) {
    const auto* const found = object.if_contains(name);
    return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

std::int64_t number_in(const json::object& object, const char* name) {
    const auto* const found = object.if_contains(name);
    return found && found->is_int64() ? found->get_int64() : 0;
}

/// The hub's error shape, from a refusal's body.
Error error_in(const http::Response& response) {
    const auto* const body = std::get_if<std::string>(&response.body);
    const auto parsed = body ? parse_json(*body) : parse_json("null");
    const auto* const error = parsed && parsed->is_object() ? parsed->get_object().if_contains("error") : nullptr;
    if (!error || !error->is_object()) return Error{ErrorCode::internal, "refused"};
    const auto& said = error->get_object();
    return Error{code_from_name(text_in(said, "code")), text_in(said, "message"), text_in(said, "detail")};
}

}  // namespace

Task<http::Response> DryRun::handle(std::shared_ptr<DryRun> self, http::Request request) {
    // A script that is ended while it waits takes its request with it; the time that has begun to pass passes.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto held = co_await self->turn_.take();
    if (!held) co_return http::error_response(held.error());
    if (!self->is_ready_ || self->is_ending_) {
        const Error none{ErrorCode::unavailable, self->over_ ? self->over_->message : "the dry run has not begun"};
        co_return http::error_response(none);
    }
    const bool was_over = self->over_.has_value();
    const bool is_clock = request.path == kClockPath;
    auto answering = is_clock ? self->told(std::move(request)) : self->carry_out(std::move(request));
    auto response = co_await std::move(answering);
    response.headers.emplace_back(kTimeHeader, std::to_string(self->clock_.utc_now().count));
    { const Turn::Held pass_on = std::move(*held); }
    if (!was_over && self->over_) co_await sleep_for(kUntilStopped);
    co_return response;
}

/// False: the script would not have been there any more at that time.
Task<bool> DryRun::pass_time(UtcMillis time) {
    co_await live_to(std::min(time, limit()));
    if (over_) co_return false;
    if (time < limit()) co_return true;
    const auto& dry_run = *plan_.job.dry_run;
    if (dry_run.limit < dry_run.time_limit)
        end(jobs::reason::kAtMost, "looked at for " + format_duration(dry_run.limit) + ", as asked");
    else
        end(jobs::reason::kTimeLimit, "the time limit of " + format_duration(dry_run.limit) + " was reached");
    co_return false;
}

Task<http::Response> DryRun::told(http::Request request) {
    const auto body = parse_json(request.body);
    if (request.method != "POST" || !body || !body->is_object()) {
        const Error wrong{ErrorCode::malformed, "POST /dry-run takes an object with time_ms"};
        co_return http::error_response(wrong);
    }
    const json::object& said = body->get_object();
    const UtcMillis time{std::max<std::int64_t>(0, number_in(said, "time_ms"))};
    if (time - clock_.utc_now() > kNever && !over_) {
        dry_runs::Finding stuck{dry_runs::Severity::error, "deadlock", "script", clock_.utc_now()};
        stuck.message = "all threads of the script wait for each other, and none for a time";
        stuck.advice = "such a script does nothing more until its time limit";
        findings_.add(std::move(stuck));
    }
    co_await pass_time(time);
    if (const auto* const failure = said.if_contains("failure"); failure && failure->is_object()) {
        const json::object& what = failure->get_object();
        if (!over_)
            findings_.failure(clock_.utc_now(), printable(text_in(what, "type"), kMostName),
                              printable(text_in(what, "text"), kMostText), line_from(number_in(what, "line")),
                              printable(text_in(what, "thread"), kMostName));
    }
    const json::object reply{{"time_ms", clock_.utc_now().count}, {"is_over", over_.has_value()}};
    co_return http::text_response(200, "application/json", to_json(reply));
}

Task<http::Response> DryRun::carry_out(http::Request request) {
    const auto time = number_in(request.header(kTimeHeader));
    const UtcMillis asked_at{std::max<std::int64_t>(0, time.value_or(clock_.utc_now().count))};
    const bool was_over = over_.has_value();
    const bool is_there = co_await pass_time(asked_at);
    if (!is_there && !was_over) {
        // What it asks once it is being stopped is carried out, as a real script's last commands are.
        const Error over{ErrorCode::unavailable, "the script would not have come to this: " + over_->message};
        co_return http::error_response(over);
    }
    line_ = line_from(number_in(request.header(kLineHeader)).value_or(0));
    recorded_ = 0;
    if (request.path.starts_with("/api/telemetry")) co_await store_readings();
    if (request.path.ends_with("/readings")) co_await wait_for_sample(request);
    http::Request asked;
    asked.method = request.method;
    asked.path = request.path;
    auto handling = hub_->router.handle(std::move(request));
    auto response = co_await std::move(handling);
    look_at_answer(asked, response);
    co_return response;
}

/// A wait for the next sample, in the twin's time: as far as the script's other threads sleep.
Task<void> DryRun::wait_for_sample(http::Request& request) {
    const auto wait = number_in(request.query_value("wait"));
    if (!wait || *wait <= 0) co_return;
    const UtcMillis after{number_in(request.query_value("after")).value_or(0)};
    const auto device = hub_->fleet.device(plan_.job.device);
    const bool has_one = device && !(*device)->recent.empty() && (*device)->recent.newest() > after;
    const UtcMillis now = clock_.utc_now();
    const UtcMillis until{number_in(request.header(kUntilHeader)).value_or(now.count)};
    const UtcMillis patience = now + std::chrono::seconds{std::min<std::int64_t>(*wait, 3'600)};
    const UtcMillis target = std::min(next_sample_, std::min(until, patience));
    if (!has_one) co_await pass_time(target);
    for (auto& [name, value] : request.query)
        if (name == "wait") value = "0";
}

/// What was refused before it became a command of the node.
void DryRun::look_at_answer(const http::Request& request, const http::Response& response) {
    const bool changes = request.method == "POST" &&
                         (request.path.starts_with("/api/hardware") || request.path.starts_with("/api/devices"));
    if (!changes || recorded_ > 0 || response.status < 400 || response.status == 429 || response.status >= 500) return;
    findings_.refused(clock_.utc_now(), line_, request.method + " " + request.path, error_in(response));
}

}  // namespace labhub::coordinator::dry_run
