#include "coordinator/cli/log_follower.hpp"

#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

// A progress bar without an end of line must be seen too, and a program that never ends a line must not fill memory.
constexpr std::size_t kMostPendingBytes = 4096;

}  // namespace

LogFollower::LogFollower(Context& context, std::string experiment, bool keeps_output_free)
    : context_(context),
      path_(experiment_path(experiment) + "/logs?stream="),
      output_{"stdout", !keeps_output_free, 0, false, {}},
      errors_{"stderr", false, 0, false, {}} {}

void LogFollower::print(const Stream& stream, std::string_view text) {
    if (stream.to_output)
        context_.console.print(text);
    else
        context_.console.print_error(text);
}

Task<Result<bool>> LogFollower::poll_stream(Stream& stream) {
    if (stream.ended) co_return false;
    auto reply = co_await context_.hub.get(path_ + stream.name + "&from=" + std::to_string(stream.next));
    if (!reply) {
        Error error = reply.error();
        co_return error;
    }
    const std::string text = text_of(*reply, "logs");
    stream.next = integer_of(*reply, "next").value_or(stream.next);
    const boost::json::value* const ended = reply->if_contains("ended");
    stream.ended = text.empty() && ended && ended->is_bool() && ended->get_bool();
    stream.pending += text;
    const std::size_t line_end = stream.pending.rfind('\n');
    const std::size_t ready = stream.pending.size() > kMostPendingBytes ? stream.pending.size()
                              : line_end == std::string::npos           ? 0
                                                                        : line_end + 1;
    print(stream, std::string_view(stream.pending).substr(0, ready));
    stream.pending.erase(0, ready);
    co_return !text.empty();
}

Task<Result<LogFollower::State>> LogFollower::poll() {
    auto from_output = co_await poll_stream(output_);
    if (!from_output) {
        Error error = from_output.error();
        co_return error;
    }
    auto from_errors = co_await poll_stream(errors_);
    if (!from_errors) {
        Error error = from_errors.error();
        co_return error;
    }
    if (output_.ended && errors_.ended) co_return State::ended;
    co_return *from_output || *from_errors ? State::more : State::drained;
}

void LogFollower::finish() {
    for (Stream* const stream : {&output_, &errors_}) {
        if (!stream->pending.empty()) print(*stream, stream->pending + "\n");
        stream->pending.clear();
    }
}

}  // namespace labhub::cli
