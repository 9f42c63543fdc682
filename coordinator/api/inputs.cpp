// Files for experiments, sent before these are started.
#include "coordinator/api/operations.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::api {
namespace {

struct InputView {
    std::string sha256;
    std::int64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(InputView, (), (sha256, size))
struct InputReply {
    InputView input;
};
BOOST_DESCRIBE_STRUCT(InputReply, (), (input))
}  // namespace
template <>
struct MemberDocs<InputView> {
    static constexpr MemberDoc list[] = {{"sha256", "names the file in config.inputs of an experiment"},
                                         {"size", "bytes"}};
};
namespace {

using Uploading = std::shared_ptr<jobs::Inputs::Upload>;

/// What is read from the client meanwhile goes to the file in pieces of this size.
constexpr std::size_t kPiece = 1u << 20;
constexpr std::chrono::hours kLongestUpload{1};

Task<Result<void>> keep(asio::thread_pool& pool, Uploading upload, std::string piece) {
    auto add = [upload = std::move(upload), piece = std::move(piece)] { return upload->add(piece); };
    return run_blocking(pool, std::move(add));
}

Task<Result<InputReply>> send_input(Services& services, Call call, Nothing) {
    if (!call.request.stream) co_return Error{ErrorCode::internal, "the body was not left to be read"};
    const http::BodyReader body = *call.request.stream;
    const std::int64_t most = services.inputs.settings().most_bytes;
    if (body.length && *body.length > static_cast<std::uint64_t>(most)) {
        Error large{ErrorCode::too_large, "the input file has " + std::to_string(*body.length) + " bytes",
                    "at most " + std::to_string(most)};
        co_return large;
    }
    auto begin = [&inputs = services.inputs, owner = call.caller.principal()] { return inputs.begin(owner); };
    auto begun = co_await run_blocking(services.pool, std::move(begin));
    if (!begun) co_return std::move(begun).error();
    const Uploading upload = std::move(*begun);
    const auto until = Steady::now() + kLongestUpload;
    std::string gathered;
    for (bool is_last = false; !is_last;) {
        auto piece = co_await body.next();
        if (!piece) co_return std::move(piece).error();
        is_last = piece->empty();
        if (Steady::now() > until) {
            Error slow{ErrorCode::timed_out, "the file did not come in time",
                       "within " + format_duration(kLongestUpload)};
            co_return slow;
        }
        gathered += *piece;
        if (gathered.size() < kPiece && !is_last) continue;
        std::string full;
        full.swap(gathered);
        auto kept = co_await keep(services.pool, upload, std::move(full));
        if (!kept) co_return std::move(kept).error();
    }
    auto finish = [upload] { return upload->finish(); };
    auto sent = co_await run_blocking(services.pool, std::move(finish));
    if (!sent) co_return std::move(sent).error();
    co_return InputReply{{std::move(sent->sha256), sent->size}};
}

Task<Result<InputReply>> find_input(Services& services, Call call, Nothing) {
    auto find = [&inputs = services.inputs, owner = call.caller.principal(), sum = call.path["sha256"]] {
        return inputs.find(owner, sum);
    };
    auto found = co_await run_blocking(services.pool, std::move(find));
    if (!found) co_return std::move(found).error();
    co_return InputReply{{std::move(found->sha256), found->size}};
}

Operation row(std::string verb, std::string path, std::string id, std::string summary) {
    return Operation{std::move(verb),
                     std::move(path),
                     std::move(id),
                     "experiments",
                     std::move(summary),
                     Access::user,
                     {},
                     {},
                     {},
                     "application/json",
                     {}};
}

}  // namespace

void add_inputs(std::vector<Operation>& list) {
    Operation send = row("POST", "/api/inputs", "sendInput",
                         "Send a file for experiments; it is kept for a day after it was last asked for, and for as "
                         "long as an experiment waits with it");
    send.streams_body = true;
    list.push_back(with_handler(std::move(send), &send_input));
    list.push_back(
        with_handler(row("GET", "/api/inputs/{sha256}", "findInput", "Whether a file is there already"), &find_input));
}

}  // namespace labhub::coordinator::api
