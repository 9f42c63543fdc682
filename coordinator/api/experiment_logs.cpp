// What an experiment's script prints, from either end.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "coordinator/api/event_stream.hpp"
#include "coordinator/api/experiments.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

struct LogsReply {
    std::string logs;
    std::optional<std::int64_t> next;
    bool ended = false;
};
BOOST_DESCRIBE_STRUCT(LogsReply, (), (logs, next, ended))
}  // namespace
template <>
struct MemberDocs<LogsReply> {
    static constexpr MemberDoc list[] = {{"next", "with ?from: the offset to ask for next, in bytes"},
                                         {"ended", "nothing will be added any more"}};
};
namespace {

constexpr std::int64_t kMaxLogBytes = 256 * 1024;

/// Up to kMaxLogBytes of a file from `from` on (negative: counted from its end). A file that isn't there is empty.
Result<std::pair<std::string, std::int64_t>> read_part(const std::filesystem::path& path, std::int64_t from) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file) {
        if (errno == ENOENT) return std::pair<std::string, std::int64_t>{"", std::max<std::int64_t>(from, 0)};
        return system_error("open " + path.string(), errno);
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("stat " + path.string(), errno);
    if (from < 0) from = std::max<std::int64_t>(0, info.st_size + from);
    std::string text(static_cast<std::size_t>(std::clamp<std::int64_t>(info.st_size - from, 0, kMaxLogBytes)), '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), from);
    if (got < 0) return system_error("read " + path.string(), errno);
    text.resize(static_cast<std::size_t>(got));
    return std::pair{std::move(text), from + got};
}

/// A script may print any bytes; JSON takes UTF-8 only. A sequence cut at the end is left for the next read.
std::string as_utf8(std::string_view text, std::int64_t& next, bool may_continue) {
    std::string clean;
    std::size_t wrong = 0;
    while (!is_utf8(text, &wrong)) {
        clean += text.substr(0, wrong);
        text.remove_prefix(wrong);
        if (may_continue && text.size() < 4 && (static_cast<unsigned char>(text[0]) & 0xC0) == 0xC0) {
            next -= static_cast<std::int64_t>(text.size());
            return clean;
        }
        clean += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
        text.remove_prefix(1);
    }
    return clean.append(text);
}

std::string last_lines(const std::string& text, std::int64_t count) {
    std::size_t at = text.size();
    if (at > 0 && text.back() == '\n') --at;
    while (at > 0 && count > 0) {
        const auto line = text.rfind('\n', at - 1);
        if (line == std::string::npos) return text;
        at = line;
        --count;
    }
    return count == 0 && at < text.size() ? text.substr(at + 1) : text;
}

Result<LogsReply> tail_of(const std::filesystem::path& folder, std::int64_t lines, bool ended) {
    LogsReply reply;
    reply.ended = ended;
    for (const char* const name : {"stdout.txt", "stderr.txt"}) {
        LABHUB_TRY(auto part, read_part(folder / name, -kMaxLogBytes));
        std::int64_t ignored = 0;
        reply.logs += last_lines(as_utf8(part.first, ignored, false), lines);
    }
    return reply;
}

Result<LogsReply> part_of(const std::filesystem::path& file, std::int64_t from, bool ended) {
    LABHUB_TRY(auto part, read_part(file, from));
    LogsReply reply;
    reply.ended = ended && static_cast<std::int64_t>(part.first.size()) < kMaxLogBytes;
    reply.logs = as_utf8(part.first, part.second, !reply.ended);
    reply.next = part.second;
    return reply;
}

Result<LogsReply> logs_of(const Services& services, const Call& call, const jobs::Job& job) {
    const bool ended = is_final(job.status);
    const auto folder = services.results.folder_of(job.id);
    LABHUB_TRY(const auto from, query_integer(call, "from", -1, 0, 1LL << 40));
    LABHUB_TRY(const auto tail, query_integer(call, "tail", 100, 1, 100'000));
    if (from < 0) return tail_of(folder, tail, ended);
    const auto stream = call.request.query_value("stream").value_or("stdout");
    if (stream != "stdout" && stream != "stderr")
        return Error{ErrorCode::malformed, "?stream=" + printable(stream, 40) + " is not a stream", "stdout or stderr"};
    return part_of(folder / (std::string(stream) + ".txt"), from, ended);
}

/// One of the two logs, as far as a client has it.
struct FollowedLog {
    const char* stream;  ///< "stdout"
    std::int64_t next = 0;
};

/// "1200-35": the offsets in stdout.txt and stderr.txt.
Result<std::pair<std::int64_t, std::int64_t>> parse_log_id(const std::string& text) {
    std::pair<std::int64_t, std::int64_t> offsets;
    const char* const end = text.data() + text.size();
    const auto out = std::from_chars(text.data(), end, offsets.first);
    if (out.ec == std::errc{} && out.ptr != end && *out.ptr == '-') {
        const auto err = std::from_chars(out.ptr + 1, end, offsets.second);
        if (err.ec == std::errc{} && err.ptr == end && offsets.first >= 0 && offsets.second >= 0) return offsets;
    }
    return Error{ErrorCode::malformed, "Last-Event-ID: " + printable(text, 60) + " is no id of this stream",
                 "send back the last id as it came, or none to begin with the first line"};
}

/// What the script prints, as it does; ends with an event `end` when it will print no more.
class LogText final : public EventSource {
  public:
    LogText(Services& services, JobId job, std::pair<std::int64_t, std::int64_t> from,
            std::unique_ptr<jobs::Follower> follower)
        : services_(services),
          job_(std::move(job)),
          logs_{{{"stdout", from.first}, {"stderr", from.second}}},
          follower_(std::move(follower)) {}

    Task<Result<std::string>> take() override {
        // Before the look: what comes after it is seen by the next one.
        const auto job = services_.jobs.find(job_);
        const bool was_over = !job || is_final((*job)->status);
        const auto folder = services_.results.folder_of(job_);
        std::string text;
        for (FollowedLog& log : logs_) {
            auto part = part_of(folder / (std::string(log.stream) + ".txt"), log.next, was_over);
            if (!part) co_return std::move(part).error();
            if (part->logs.empty()) continue;
            log.next = *part->next;
            text += event_text(id(), log.stream, boost::json::object{{"text", part->logs}, {"next", log.next}});
        }
        if (!text.empty() || !was_over) co_return text;
        has_ended_ = true;
        co_return event_text(id(), "end", boost::json::object{{"status", job ? to_string((*job)->status) : ""}});
    }
    /// Its end is told; what it prints is looked for.
    Task<void> wait(std::chrono::milliseconds limit) override {
        return follower_->wait(std::min<std::chrono::milliseconds>(limit, kLook));
    }
    bool has_ended() const override { return has_ended_; }

  private:
    static constexpr std::chrono::milliseconds kLook{200};

    std::string id() const { return std::to_string(logs_[0].next) + "-" + std::to_string(logs_[1].next); }

    Services& services_;
    const JobId job_;
    std::array<FollowedLog, 2> logs_;
    std::unique_ptr<jobs::Follower> follower_;
    bool has_ended_ = false;
};

Result<http::Response> stream_logs(Services& services, const Call& call, const JobId& id) {
    std::pair<std::int64_t, std::int64_t> from;
    if (const auto last = last_event_id(call.request)) {
        LABHUB_TRY(from, parse_log_id(*last));
    }
    LABHUB_TRY(auto follower, services.jobs.followers().open(id, call.caller.principal()));
    return event_stream(std::make_shared<LogText>(services, id, from, std::move(follower)));
}

Task<Result<http::Response>> get_logs(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    auto there = services.jobs.check_results((*job)->id);
    if (!there) co_return std::move(there).error();
    if (wants_event_stream(call.request)) co_return stream_logs(services, call, (*job)->id);
    auto reply = logs_of(services, call, **job);
    if (!reply) co_return std::move(reply).error();
    co_return success(encode(*reply));
}

}  // namespace

void add_experiment_logs(std::vector<Operation>& list) {
    const std::vector<QueryParameter> query{{"tail", "the last N lines of both streams; 100 when left out"},
                                            {"stream", "with from: stdout or stderr"},
                                            {"from", "read one stream from this byte on"}};
    Operation logs = experiment_row(
        "GET", "/{id}/logs", "getLogs",
        "What the script printed. With 'Accept: text/event-stream' as server-sent events 'stdout' and 'stderr', from "
        "the first byte (or after Last-Event-ID) to an event 'end'",
        query);
    logs.response_schema = schema<LogsReply>();
    list.push_back(with_handler(std::move(logs), &get_logs));
}

}  // namespace labhub::coordinator::api
