#include "agent/fleet/fleet.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <spdlog/spdlog.h>

#include "agent/fleet/descriptors.hpp"
#include "agent/fleet/signal.hpp"
#include "shared/base/text.hpp"

namespace labhub::agent::fleet {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kReportEvery = 250ms;
constexpr auto kLookAgain = 50ms;
constexpr std::size_t kMostUnsent = 256 * 1024;  // of one node, waiting for its socket

Result<fs::path> temporary_folder() {
    std::string name = (fs::temp_directory_path() / "labhub-fleet-XXXXXX").string();
    if (!::mkdtemp(name.data())) return system_error("make the folder " + name, errno);
    return fs::path(name);
}

Result<mqtt::ConnectOptions> broker_of(const Options& options) {
    mqtt::ConnectOptions broker;
    broker.host = options.host;
    broker.port = options.port;
    broker.username = options.username;
    broker.keepalive = std::chrono::duration_cast<std::chrono::seconds>(options.keepalive);
    broker.max_unsent_bytes = kMostUnsent;
    if (options.password_file.empty()) return broker;
    LABHUB_TRY(const std::string text, read_file(options.password_file, 4096));
    broker.password = std::string(trim(text));
    return broker;
}

}  // namespace

Fleet::Fleet(asio::any_io_executor executor, Options options, fs::path folder, state::StateDatabase state,
             std::optional<Ledger> ledger)
    : executor_(executor),
      options_(std::move(options)),
      folder_(std::move(folder)),
      state_(std::move(state)),
      ledger_(std::move(ledger)),
      wake_(executor, Steady::time_point::max()),
      tasks_(executor) {}

Fleet::~Fleet() {
    nodes_.clear();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

Result<std::unique_ptr<Fleet>> Fleet::make(asio::any_io_executor executor, Options options) {
    LABHUB_CHECK(make_room_for(options.nodes));
    LABHUB_TRY(mqtt::ConnectOptions broker, broker_of(options));
    std::optional<Ledger> ledger;
    if (!options.ledger.empty()) {
        LABHUB_TRY(ledger,
                   Ledger::open(options.ledger, options.state.empty() ? Ledger::Begin::empty : Ledger::Begin::at_end));
    }
    LABHUB_TRY(fs::path folder, temporary_folder());
    auto state = state::StateDatabase::open(folder, SystemClock());
    if (!state) return state.error();
    std::unique_ptr<Fleet> fleet(
        new Fleet(executor, std::move(options), std::move(folder), std::move(*state), std::move(ledger)));
    const Options& wanted = fleet->options_;
    auto metrics = std::make_shared<const std::vector<MetricInfo>>(simulated_metrics(wanted.metrics));
    fleet->shared_.emplace(Shared{executor, wanted, fleet->clock_, std::move(broker), std::move(metrics),
                                  fleet->state_.writer(), fleet->ledger_ ? &*fleet->ledger_ : nullptr, new_id()});
    for (std::uint32_t i = 0; i < wanted.nodes; ++i) {
        LABHUB_TRY(std::unique_ptr<Node> node, Node::make(*fleet->shared_, wanted.first + i));
        fleet->nodes_.push_back(std::move(node));
    }
    return fleet;
}

Task<void> Fleet::start_nodes() {
    const auto begun = clock_.steady_now();
    const auto count = static_cast<std::int64_t>(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size() && is_sampling_; ++i) {
        const Steady::time_point due = begun + options_.ramp * static_cast<std::int64_t>(i) / count;
        if (due > clock_.steady_now()) co_await sleep_for(due - clock_.steady_now());
        co_await nodes_[i]->start(tasks_);
        started_ = i + 1;
    }
}

/// One task for all nodes, which take their turns spread over the period: a timer for each would cost more than its
/// sample. A turn that comes late shifts none after it, and one that was missed altogether is left out.
Task<Result<void>> Fleet::sample() {
    const auto period =
        std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(1 / options_.rate_hz));
    const auto begun = clock_.steady_now();
    const auto count = static_cast<std::int64_t>(nodes_.size());
    for (std::int64_t turn = count; is_sampling_; ++turn) {
        const std::int64_t place = turn % count;
        const auto index = static_cast<std::size_t>(place);
        const Steady::time_point due = begun + period * (turn / count) + period * place / count;
        const auto now = clock_.steady_now();
        if (options_.duration > 0ms && due > begun + options_.duration) break;
        if (due > now) {
            wake_.expires_at(due);
            co_await wake_.async_wait(as_result);
            if (!is_sampling_) break;
        }
        if (now - due > period || index >= started_) continue;
        auto measured = nodes_[index]->measure();
        if (!measured) co_return measured;
        if (index % 64 == 63) co_await sleep_for(0ms);
    }
    is_sampling_ = false;
    co_return Result<void>();
}

void Fleet::stop_sampling() {
    is_sampling_ = false;
    wake_.cancel();
}

Task<void> Fleet::drain() {
    const auto give_up = clock_.steady_now() + options_.drain;
    const auto not_stored = std::make_shared<std::size_t>(started_);
    for (std::size_t i = 0; i < started_; ++i) nodes_[i]->after_pending([not_stored] { --*not_stored; });
    while ((*not_stored > 0 || totals().unacknowledged > 0) && clock_.steady_now() < give_up)
        co_await sleep_for(kLookAgain);
}

Totals Fleet::totals() const {
    Totals all;
    for (std::size_t i = 0; i < started_; ++i) {
        const Node& node = *nodes_[i];
        all.connected += node.is_connected() ? 1 : 0;
        all.produced += node.produced();
        all.unacknowledged += node.spool().depth();
        all.dropped += spool::total(node.spool().dropped);
    }
    return all;
}

/// One line of JSON whenever something has changed, for who waits for it.
Task<void> Fleet::report() {
    std::string last;
    while (true) {
        const Totals now = totals();
        const std::string text = "\"connected\":" + std::to_string(now.connected) +
                                 ",\"produced\":" + std::to_string(now.produced) +
                                 ",\"unacknowledged\":" + std::to_string(now.unacknowledged) +
                                 ",\"dropped\":" + std::to_string(now.dropped) + "}";
        if (text != last)
            std::printf("{\"time_ms\":%lld,%s\n", static_cast<long long>(clock_.utc_now().count), text.c_str());
        std::fflush(stdout);
        last = text;
        co_await sleep_for(kReportEvery);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

Task<bool> Fleet::leave() {
    for (std::size_t i = 0; i < started_; ++i) co_await nodes_[i]->stop();
    co_return true;
}

Task<Result<void>> Fleet::run() {
    tasks_.spawn("report", report());
    tasks_.spawn("start", start_nodes());
    auto sampling = sample();
    auto sampled = co_await std::move(sampling);
    if (sampled) co_await drain();
    auto leaving = leave();
    co_await within(options_.drain, std::move(leaving));
    co_await tasks_.stop();
    co_return sampled;
}

}  // namespace labhub::agent::fleet
