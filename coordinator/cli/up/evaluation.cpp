#include "coordinator/cli/up/evaluation.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>

#include "coordinator/cli/text_of.hpp"
#include "coordinator/cli/up/hub_watch.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli::up {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLookPeriod = 50ms;
constexpr auto kStartLimit = 60s;
constexpr auto kToolLimit = 20s;
constexpr unsigned kMostDeathsAtStart = 3;
constexpr auto kStopGrace = 10s;

}  // namespace

Evaluation::Evaluation(asio::io_context& io, Console& console, Settings settings)
    : io_(io),
      console_(console),
      settings_(std::move(settings)),
      layout_{fs::absolute(settings_.data).lexically_normal()},
      tasks_(io.get_executor()) {}

Result<void> Evaluation::take_folder() {
    LABHUB_CHECK(make_folder(layout_.root, 0700));
    lock_ = UniqueFd(::open(layout_.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_) return system_error("open " + layout_.lock().string(), errno);
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
        const auto owner = read_file(layout_.lock(), 64);
        return Error{ErrorCode::conflict,
                     layout_.root.string() + " is in use by another `labhub up`" +
                         (owner ? ", process " + std::string(trim(*owner)) : ""),
                     "stop that one, or choose another folder with --data"};
    }
    const std::string self = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock_.get(), 0) != 0 || ::pwrite(lock_.get(), self.data(), self.size(), 0) < 0)
        return system_error("write " + layout_.lock().string(), errno);
    std::error_code none;
    fs::remove(layout_.url(), none);
    return make_folder(layout_.root / "log", 0700);
}

Result<void> Evaluation::prepare() {
    LABHUB_TRY(programs_, find_programs());
    LABHUB_CHECK(take_folder());
    Ports ports(layout_.ports());
    if (settings_.port == 0) {
        LABHUB_TRY(settings_.port, ports.take("http"));
    } else {
        LABHUB_CHECK(check_port_is_free(settings_.port));
    }
    LABHUB_TRY(broker_port_, ports.take("broker"));
    for (unsigned number = 1; number <= settings_.simulated_nodes; ++number) {
        Node node;
        node.id = "sim-" + std::to_string(number);
        LABHUB_TRY(node.ssh_port, ports.take(node.id));
        LABHUB_CHECK(make_folder(layout_.node(node.id), 0700));
        nodes_.push_back(std::move(node));
    }
    return write_file(layout_.coordinator_config(),
                      coordinator_config(layout_, programs_, settings_.port, broker_port_), 0600);
}

ChildSpec Evaluation::spec_of(std::string name, std::vector<std::string> command) const {
    std::string log_name = name;
    std::replace(log_name.begin(), log_name.end(), ' ', '-');
    ChildSpec spec;
    spec.name = std::move(name);
    spec.command = std::move(command);
    spec.log = layout_.log(log_name);
    return spec;
}

Supervised& Evaluation::keep(std::string name, std::vector<std::string> command) {
    return keep(spec_of(std::move(name), std::move(command)));
}

Supervised& Evaluation::keep(ChildSpec spec) {
    const auto tell = [this](const std::string& line) { console_.note(line); };
    Supervised& added = running_.emplace_back(io_.get_executor(), std::move(spec), tell);
    tasks_.spawn(added.spec().name, added.run());
    return added;
}

Task<Result<void>> Evaluation::wait_for(std::string what, const Supervised* of, std::function<bool()> is_there) {
    const Steady::time_point deadline = Steady::now() + kStartLimit;
    while (!is_there()) {
        const bool is_failing = of && of->deaths() >= kMostDeathsAtStart;
        if (is_failing || Steady::now() > deadline) {
            Error error{is_failing ? ErrorCode::unavailable : ErrorCode::timed_out,
                        what + (is_failing ? " does not start" : " took longer than " + format_duration(kStartLimit))};
            if (of) error.detail = last_lines(of->spec().log, 3);
            co_return error;
        }
        co_await sleep_for(kLookPeriod);
    }
    co_return Result<void>();
}

Task<Result<void>> Evaluation::start_broker() {
    std::vector<std::string> configure{programs_.coordinator,
                                       "broker-config",
                                       "--open",
                                       "--config",
                                       layout_.coordinator_config(),
                                       "--listen",
                                       "127.0.0.1:" + std::to_string(broker_port_),
                                       "--output",
                                       layout_.broker_config().parent_path()};
    auto configured = co_await output_of(std::move(configure), layout_.log("broker-config"), kToolLimit);
    if (!configured) {
        Error error = configured.error();
        co_return error;
    }
    // As its own user the broker can't enter the folder: it gets the configuration through its standard input.
    std::vector<std::string> command{programs_.mosquitto, "-c", "/dev/stdin"};
    ChildSpec spec = spec_of("broker", std::move(command));
    spec.input = layout_.broker_config();
    spec.user = "mosquitto";
    const Supervised& broker = keep(std::move(spec));
    const std::uint16_t port = broker_port_;
    std::function<bool()> listens = [port] { return is_listened_on(port); };
    co_return co_await wait_for("the broker", &broker, std::move(listens));
}

Task<Result<void>> Evaluation::make_keys() {
    std::vector<std::string> coordinators{programs_.coordinator, "ssh-key", "--config", layout_.coordinator_config()};
    auto line = co_await output_of(std::move(coordinators), layout_.log("ssh-key"), kToolLimit);
    if (!line) {
        Error error = line.error();
        co_return error;
    }
    coordinator_key_ = public_key_in(*line);
    const fs::path key = layout_.operator_key();
    const fs::path public_key = key.string() + ".pub";
    if (!programs_.ssh_keygen.empty() && !fs::exists(public_key)) {
        std::vector<std::string> people{programs_.ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-C",
                                        "labhub up",          "-f", key};
        auto made = co_await output_of(std::move(people), layout_.log("ssh-keygen"), kToolLimit);
        if (!made) {
            Error error = made.error();
            co_return error;
        }
    }
    auto text = read_file(public_key, 16 * 1024);
    if (text) operator_key_ = public_key_in(*text);
    co_return Result<void>();
}

Task<Result<void>> Evaluation::start_node(unsigned number) {
    Node& node = nodes_[number];
    const fs::path config = layout_.agent_config(node.id);
    auto written = write_file(config, agent_config(layout_, node, broker_port_, coordinator_key_, operator_key_), 0600);
    if (!written) co_return written;
    std::vector<std::string> host_key{programs_.agent, "host-key", "--config", config};
    auto shown = co_await output_of(std::move(host_key), layout_.log(node.id + "-host-key"), kToolLimit);
    if (!shown) {
        Error error = shown.error();
        co_return error;
    }
    node.host_key = public_key_in(*shown);
    node.fingerprint = fingerprint_in(*shown);
    if (node.fingerprint.empty()) {
        Error error{ErrorCode::internal, "labhub-agent host-key printed no fingerprint"};
        co_return error;
    }
    std::error_code none;
    fs::remove(layout_.board(node.id), none);
    const std::vector<std::string> simulator{programs_.simulator,
                                             "--link",
                                             layout_.board(node.id),
                                             "--speed",
                                             format_number(settings_.speed),
                                             "--seed",
                                             std::to_string(settings_.seed + number)};
    const Supervised& board = keep(node.id + " simulator", simulator);
    std::function<bool()> is_there = [path = layout_.board(node.id)] { return fs::exists(path); };
    auto linked = co_await wait_for("the simulator of " + node.id, &board, std::move(is_there));
    if (!linked) co_return linked;
    const std::vector<std::string> agent{programs_.agent, "--config", config};
    keep(node.id + " agent", agent);
    co_return Result<void>();
}

Result<void> Evaluation::start_coordinator() {
    LABHUB_CHECK(write_file(layout_.enrolment(), enrolment(nodes_), 0600));
    LABHUB_CHECK(write_file(layout_.known_hosts(), known_hosts(nodes_), 0600));
    LABHUB_CHECK(write_file(layout_.ssh_config(), ssh_config(layout_, nodes_), 0600));
    keep("coordinator", {programs_.coordinator, "--config", layout_.coordinator_config()});
    return {};
}

Task<Result<void>> Evaluation::wait_until_ready() {
    const Steady::time_point deadline = Steady::now() + kStartLimit;
    const Supervised& coordinator = running_.back();
    for (;;) {
        const std::string lacking =
            co_await what_is_missing(io_.get_executor(), settings_.port, layout_.admin_token(), nodes_.size());
        if (lacking.empty()) co_return Result<void>();
        if (coordinator.deaths() >= kMostDeathsAtStart || Steady::now() > deadline) {
            Error error{ErrorCode::unavailable, "the hub did not become ready: " + lacking,
                        last_lines(coordinator.spec().log, 3)};
            co_return error;
        }
        co_await sleep_for(4 * kLookPeriod);
    }
}

Task<Result<void>> Evaluation::start() {
    console_.note("starting the broker, " + std::to_string(settings_.simulated_nodes) +
                  " simulated nodes and the coordinator in " + layout_.root.string());
    if (::geteuid() != 0) console_.note("not root: sandboxes can't be made, so experiments will fail; all else works");
    auto broker = co_await start_broker();
    if (!broker) co_return broker;
    auto keys = co_await make_keys();
    if (!keys) co_return keys;
    for (unsigned number = 0; number < nodes_.size(); ++number) {
        auto node = co_await start_node(number);
        if (!node) co_return node;
    }
    auto coordinator = start_coordinator();
    if (!coordinator) co_return coordinator;
    auto ready = co_await wait_until_ready();
    if (!ready) co_return ready;
    co_return write_file(layout_.url(), "http://127.0.0.1:" + std::to_string(settings_.port) + "\n", 0600);
}

void Evaluation::announce() {
    const std::string url = "http://127.0.0.1:" + std::to_string(settings_.port);
    if (console_.is_json()) {
        boost::json::array nodes;
        for (const Node& node : nodes_) nodes.emplace_back(node.id);
        console_.print_json(boost::json::object{{"status", "success"},
                                                {"url", url},
                                                {"token_file", layout_.admin_token().string()},
                                                {"ssh_config", layout_.ssh_config().string()},
                                                {"nodes", std::move(nodes)}});
        return;
    }
    const bool is_found = layout_.root == fs::current_path() / "labhub-data";
    const std::string how =
        is_found ? "" : "LABHUB_URL=" + url + " LABHUB_TOKEN_FILE=" + layout_.admin_token().string() + " ";
    console_.print("\nlabhub is ready at " + url + "\n  token  " + layout_.admin_token().string() + "\n  logs   " +
                   (layout_.root / "log").string() + "\n  try    " + how + "labhub nodes\n         " + how +
                   "labhub run examples/turbidostat.py\n");
    if (!operator_key_.empty() && !nodes_.empty())
        console_.print("         ssh -F " + layout_.ssh_config().string() + " " + nodes_.front().id + " status\n");
    console_.print("Ctrl-C stops everything.\n");
}

Task<void> Evaluation::stop() {
    std::error_code none;
    fs::remove(layout_.url(), none);
    co_await stop_experiments(io_.get_executor(), settings_.port, layout_.admin_token());
    for (auto process = running_.rbegin(); process != running_.rend(); ++process) co_await process->stop(kStopGrace);
    co_await tasks_.stop();
}

Task<ExitStatus> Evaluation::run() {
    using namespace asio::experimental::awaitable_operators;
    auto prepared = prepare();
    if (!prepared) {
        console_.fail(prepared.error());
        co_return ExitStatus::failed;
    }
    asio::signal_set signals(io_, SIGINT, SIGTERM);
    signals.add(SIGHUP);
    auto started = co_await (start() || signals.async_wait(asio::use_awaitable));
    ExitStatus status = ExitStatus::done;
    if (started.index() == 0 && std::get<0>(started)) {
        announce();
        co_await signals.async_wait(as_result);
    } else if (started.index() == 0) {
        console_.fail(std::get<0>(started).error());
        status = ExitStatus::failed;
    }
    console_.note("stopping");
    co_await stop();
    co_return status;
}

}  // namespace labhub::cli::up
