// What an experiment's script prints, from either end.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

Task<Result<LogsReply>> get_logs(Services& services, Call call, Nothing) {
    auto job = services.jobs.find(JobId{call.path["id"]});
    if (!job) co_return std::move(job).error();
    const bool ended = is_final((*job)->status);
    const auto folder = services.results.folder_of((*job)->id);
    auto from = query_integer(call, "from", -1, 0, 1LL << 40);
    if (!from) co_return std::move(from).error();
    auto tail = query_integer(call, "tail", 100, 1, 100'000);
    if (!tail) co_return std::move(tail).error();
    if (*from < 0) co_return tail_of(folder, *tail, ended);
    const auto stream = call.request.query_value("stream").value_or("stdout");
    if (stream != "stdout" && stream != "stderr") {
        Error unknown{ErrorCode::malformed, "?stream=" + printable(stream, 40) + " is not a stream",
                      "stdout or stderr"};
        co_return unknown;
    }
    co_return part_of(folder / (std::string(stream) + ".txt"), *from, ended);
}

}  // namespace

void add_experiment_logs(std::vector<Operation>& list) {
    const std::vector<QueryParameter> query{{"tail", "the last N lines of both streams; 100 when left out"},
                                            {"stream", "with from: stdout or stderr"},
                                            {"from", "read one stream from this byte on"}};
    list.push_back(
        with_handler(experiment_row("GET", "/{id}/logs", "getLogs", "What the script printed", query), &get_logs));
}

}  // namespace labhub::coordinator::api
