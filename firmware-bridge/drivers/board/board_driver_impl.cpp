#include "firmware-bridge/drivers/board/board_driver_impl.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "firmware-bridge/drivers/board/board_messages.hpp"
#include "shared/base/random.hpp"
#include "shared/runtime/backoff.hpp"

namespace labhub::firmware_bridge {
namespace {

using namespace std::chrono_literals;
namespace wire = labhub::board;

constexpr auto kFirstRetry = 100ms;
constexpr auto kSlowestRetry = 2s;
/// A board that resets when its port is opened needs up to two seconds before it listens.
constexpr int kGreetings = 4;
constexpr auto kHandshakeLimit = 15s;
constexpr unsigned kMaxChannels = 1024;
/// Channels in a page of Describe: what a board of ours can put in one.
constexpr std::uint32_t kPageSize = 4;
constexpr auto kNoiseReportPeriod = 1min;
/// So many tell of noise that only the board hears; a few come of a machine that is busy.
constexpr std::uint64_t kNoisyRepetitions = 20;

std::uint64_t random_id() {
    std::uint64_t id = 0;
    fill_random(std::as_writable_bytes(std::span(&id, 1)));
    return id;
}

Error unexpected(const std::string& what) {
    return {ErrorCode::corrupt, "the board answered " + what + " with another kind of message"};
}

Result<void> check(const BoardOptions& options) {
    if (options.dead_man >= 100ms && options.dead_man <= 60s) return {};
    return Error{ErrorCode::out_of_range,
                 "dead-man time " + format_duration(options.dead_man) + " can't be kept by a board",
                 "allowed: 100ms to 60s"};
}

bool is_same(const MetricInfo& a, const MetricInfo& b) {
    return a.name == b.name && a.kind == b.kind && a.type == b.type && a.unit == b.unit && a.minimum == b.minimum &&
           a.maximum == b.maximum && a.safe_value == b.safe_value;
}

}  // namespace

BoardDriver::Impl::Impl(asio::any_io_executor executor, BoardOptions options)
    : executor_(executor),
      options_(std::move(options)),
      host_id_(random_id()),
      first_attempt_(executor),
      tasks_(executor) {}

Task<Result<void>> BoardDriver::Impl::open() {
    if (auto valid = check(options_); !valid) co_return valid;
    first_attempt_.expires_at(asio::steady_timer::time_point::max());
    tasks_.spawn("board " + options_.port, run());
    while (!first_result_) co_await first_attempt_.async_wait(as_result);
    co_return *first_result_;
}

void BoardDriver::Impl::first_attempt_ended(Result<void> result) {
    if (first_result_) return;
    first_result_ = std::move(result);
    first_attempt_.cancel();
}

Task<void> BoardDriver::Impl::close() {
    if (is_connected()) {
        auto made_safe = co_await safe();
        if (!made_safe)
            spdlog::warn("board {}: not made safe before closing: {}", options_.port, made_safe.error().to_string());
    }
    co_await tasks_.stop();
    if (link_) link_->close("the driver was closed");
    problem_ = "the driver was closed";
}

Task<void> BoardDriver::Impl::run() {
    Backoff backoff(kFirstRetry, kSlowestRetry);
    while (true) {
        auto connected = co_await connect();
        if (!connected) {
            note_problem(connected.error());
            first_attempt_ended(connected.error());
        } else {
            problem_.clear();
            link_ = *connected;
            ++session_;
            const auto since = Steady::now();
            spdlog::info("board {}: {} {} ({}) found, {} channels", options_.port, identity_->model, identity_->serial,
                         identity_->firmware, metrics_.size());
            first_attempt_ended({});
            start_settling();
            co_await keep_alive(*connected);
            Error lost{ErrorCode::unavailable, (*connected)->why_closed()};
            note_problem(lost);
            link_.reset();
            if (Steady::now() - since > options_.dead_man) backoff.reset();
        }
        co_await sleep_for(backoff.next());
    }
}

void BoardDriver::Impl::note_problem(const Error& problem) {
    auto text = problem.to_string();
    // Said once, not at each of the attempts that follow.
    if (text != problem_) spdlog::warn("board {}: {}", options_.port, text);
    problem_ = std::move(text);
}

Task<Result<BoardDriver::Impl::Link>> BoardDriver::Impl::connect() {
    auto port = SerialPort::open(executor_, options_.port, options_.baud);
    if (!port) {
        Error error = port.error();
        co_return error;
    }
    auto link = std::make_shared<BoardLink>(executor_, std::move(*port), counters_, last_id_);
    start_reader(link);
    auto task = handshake(link);
    std::string doing = "greet the board";
    auto done = co_await within(kHandshakeLimit, std::move(doing), std::move(task));
    if (done) co_return link;
    link->close(done.error().message);
    Error error = done.error();
    co_return error;
}

void BoardDriver::Impl::start_reader(const Link& link) {
    tasks_.spawn("board reader",
                 link->read_loop([this](const wire::Event& event) { note_firings(event.dead_man_firings()); }));
}

Task<Result<void>> BoardDriver::Impl::handshake(Link link) {
    auto hello = co_await greet(link);
    if (!hello) co_return hello.error();
    if (hello->protocol() != kBoardProtocol) {
        Error other{
            ErrorCode::unsupported,
            "the board (" + hello->model() + ", firmware " + hello->firmware() + ") speaks protocol " +
                std::to_string(hello->protocol()) + ", this labhub speaks " + std::to_string(kBoardProtocol),
            hello->protocol() < kBoardProtocol ? "the board's firmware must be updated" : "labhub must be updated"};
        co_return other;
    }
    auto metrics = co_await describe(link, hello->channels());
    if (!metrics) co_return metrics.error();
    if (auto adopted = adopt(*hello, std::move(*metrics)); !adopted) co_return adopted;
    co_return co_await beat(link);
}

Task<Result<wire::HelloReply>> BoardDriver::Impl::greet(Link link) {
    wire::ToBoard message;
    message.mutable_hello()->set_protocol(kBoardProtocol);
    message.mutable_hello()->set_host_id(host_id_);
    message.mutable_hello()->set_host_version(LABHUB_VERSION);
    const Patience patience{options_.request_timeout};
    Error error;
    for (int greeting = 0; greeting < kGreetings && link->is_open(); ++greeting) {
        auto reply = co_await link->request(message, patience);
        if (reply && reply->has_hello()) co_return std::move(*reply->mutable_hello());
        error = reply ? unexpected("Hello") : reply.error();
        if (error.code != ErrorCode::timed_out) break;
    }
    co_return error;
}

Task<Result<std::vector<MetricInfo>>> BoardDriver::Impl::describe(Link link, std::size_t channels) {
    std::vector<MetricInfo> metrics;
    Error nonsense{ErrorCode::corrupt, "the board's description of its channels makes no sense"};
    if (channels > kMaxChannels) co_return nonsense;
    const Patience patience{options_.request_timeout};
    std::uint32_t page_size = kPageSize;
    while (metrics.size() < channels) {
        wire::ToBoard message;
        message.mutable_describe()->set_first(static_cast<std::uint32_t>(metrics.size()));
        message.mutable_describe()->set_count(page_size);
        auto reply = co_await link->request(std::move(message), patience);
        if (!reply && reply.error().code == ErrorCode::timed_out && !is_lost(*link)) {
            page_size = std::max(1u, page_size / 2);
            continue;
        }
        if (!reply) co_return reply.error();
        const auto& page = reply->describe();
        if (page.first() != metrics.size() || page.channels().empty()) co_return nonsense;
        for (const auto& channel : page.channels()) {
            auto metric = to_metric(channel);
            if (!metric) co_return metric.error();
            metrics.push_back(std::move(*metric));
        }
    }
    co_return metrics;
}

Result<void> BoardDriver::Impl::adopt(const wire::HelloReply& hello, std::vector<MetricInfo> metrics) {
    const bool known = !metrics_.empty();
    if (known && !std::equal(metrics.begin(), metrics.end(), metrics_.begin(), metrics_.end(), is_same))
        return Error{ErrorCode::conflict, "the board now on this port has other channels than the one before",
                     "start the agent again to take it over"};
    if (!known) metrics_ = std::move(metrics);
    identity_ = Identity{"board", hello.model(), hello.serial(), hello.firmware()};
    if (hello.boot_id() != boot_id_) firings_.reset();
    boot_id_ = hello.boot_id();
    return {};
}

Task<Result<void>> BoardDriver::Impl::beat(Link link) {
    wire::ToBoard message;
    message.mutable_heartbeat()->set_dead_man_ms(static_cast<std::uint32_t>(options_.dead_man.count()));
    const Patience patience{std::min(options_.request_timeout, options_.dead_man / 3)};
    while (true) {
        auto reply = co_await link->request(message, patience);
        if (reply && reply->has_heartbeat()) {
            note_firings(reply->heartbeat().dead_man_firings());
            co_return Result<void>();
        }
        Error error = reply ? unexpected("Heartbeat") : reply.error();
        const bool may_pass = error.code == ErrorCode::timed_out || error.code == ErrorCode::too_many;
        if (!may_pass) co_return error;
        if (is_lost(*link)) {
            error = Error{ErrorCode::unavailable, "the board has answered nothing for its dead-man time, " +
                                                      format_duration(options_.dead_man)};
            co_return error;
        }
        if (error.code == ErrorCode::too_many) co_await sleep_for(patience.limit / 4);
    }
}

void BoardDriver::Impl::note_firings(unsigned firings) {
    const unsigned before = firings_.value_or(firings);
    firings_ = firings;
    if (firings <= before) return;
    counters_.dead_man_firings += firings - before;
    doubtful_.clear();
    spdlog::warn("board {}: its dead-man fired, the outputs were made safe", options_.port);
    // Whoever set outputs must learn that they are gone, link or no link.
    if (is_connected()) ++session_;
}

Task<void> BoardDriver::Impl::keep_alive(Link link) {
    while (link->is_open()) {
        co_await link->closed_within(options_.dead_man / 3);
        if (!link->is_open()) co_return;
        auto beaten = co_await beat(link);
        if (!beaten) link->close(beaten.error().message);
        if (beaten) report_noise();
        start_settling();
    }
}

/// A line that needs repairing must not go unnoticed because repetitions hide it.
void BoardDriver::Impl::report_noise() {
    if (Steady::now() < next_report_) return;
    next_report_ = Steady::now() + kNoiseReportPeriod;
    const auto damaged = counters_.frames_damaged - reported_.frames_damaged;
    const auto repeated = counters_.repetitions - reported_.repetitions;
    const auto given_up = counters_.timeouts - reported_.timeouts;
    reported_ = counters_;
    if (damaged + given_up > 0 || repeated >= kNoisyRepetitions)
        spdlog::warn("board {}: the line is noisy: {} damaged frames, {} repetitions, {} requests without answer",
                     options_.port, damaged, repeated, given_up);
}

Result<Identity> BoardDriver::Impl::identify() const {
    if (identity_) return *identity_;
    return Error{ErrorCode::unavailable, "board " + options_.port + " has not been found yet: " + problem_};
}

}  // namespace labhub::firmware_bridge
