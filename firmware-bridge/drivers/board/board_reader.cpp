#include "firmware-bridge/drivers/board/board_reader.hpp"

#include <algorithm>
#include <utility>

#include "firmware-bridge/drivers/board/board_messages.hpp"

namespace labhub::firmware_bridge {
namespace {

namespace wire = labhub::board;
/// A reply this short (about 50 bytes) comes through three times in five when one byte in a hundred is spoilt.
constexpr std::size_t kFewestChannels = 4;
/// So often a part is tried before a shorter one is.
constexpr int kAttemptsAtOneSize = 4;

wire::ToBoard ask_for(std::size_t first, std::size_t count) {
    wire::ToBoard message;
    message.mutable_read()->set_first(static_cast<std::uint32_t>(first));
    message.mutable_read()->set_count(static_cast<std::uint32_t>(count));
    return message;
}

}  // namespace

Task<Result<std::vector<Reading>>> BoardReader::read(std::shared_ptr<BoardLink> link, std::chrono::milliseconds limit) {
    Gathered gathered;
    gathered.values.resize(metrics_.size());
    auto came = co_await gather(link, limit, gathered);
    const bool in_part = !came && came.error().code == ErrorCode::timed_out && gathered.next > 0;
    if (in_part) ++counters_.reads_in_part;
    if (!came && !in_part) {
        ++counters_.reads_failed;
        Error error = came.error();
        if (error.code == ErrorCode::timed_out)
            error.message = "the board did not answer within " + format_duration(limit);
        co_return error;
    }
    co_return to_readings(metrics_, std::move(gathered.values), clock_.utc_now());
}

Task<Result<void>> BoardReader::gather(std::shared_ptr<BoardLink> link, std::chrono::milliseconds limit,
                                       Gathered& gathered) {
    const auto deadline = Steady::now() + limit;
    const auto repetitions = counters_.repetitions;
    while (gathered.next < metrics_.size()) {
        const std::size_t part = std::min(part_, kMostChannels);
        Patience patience{std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now())};
        if (part > kFewestChannels) patience.attempts = kAttemptsAtOneSize;
        auto message = ask_for(gathered.next, is_all(part) ? 0 : part);
        auto reply = co_await link->request(std::move(message), patience);
        if (reply) {
            if (auto taken = take(reply->read(), gathered); !taken) co_return taken;
            continue;
        }
        if (reply.error().code != ErrorCode::timed_out || Steady::now() >= deadline) co_return reply.error();
        // Only from what it was when this part was asked for: several readings under way share the size.
        if (part == part_) part_ = std::max(kFewestChannels, std::min(part, metrics_.size()) / 2);
    }
    if (counters_.repetitions == repetitions) part_ = std::min(kMostChannels, 2 * part_);
    co_return Result<void>();
}

Result<void> BoardReader::take(const wire::ReadReply& reply, Gathered& gathered) const {
    const std::size_t first = reply.first();
    const std::size_t end = first + static_cast<std::size_t>(reply.numbers_size());
    if (first > gathered.next || end <= gathered.next || end > metrics_.size())
        return Error{ErrorCode::corrupt, "the board's answer makes no sense: channels " + std::to_string(first) +
                                             " up to " + std::to_string(end) + " when asked from " +
                                             std::to_string(gathered.next) + " on, of " +
                                             std::to_string(metrics_.size())};
    for (std::size_t i = gathered.next; i < end; ++i)
        gathered.values[i] = to_value(metrics_[i], reply.numbers(static_cast<int>(i - first)));
    for (const auto& text : reply.texts()) {
        if (text.channel() < first || text.channel() >= end)
            return Error{ErrorCode::corrupt,
                         "the board's answer makes no sense: a text for channel " + std::to_string(text.channel())};
        gathered.values[text.channel()] = text.text();
    }
    gathered.next = end;
    return {};
}

}  // namespace labhub::firmware_bridge
