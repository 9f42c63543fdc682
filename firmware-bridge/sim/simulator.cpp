#include "firmware-bridge/sim/simulator.hpp"

#include <array>
#include <csignal>
#include <utility>

#include <spdlog/spdlog.h>

namespace labhub::firmware_bridge::sim {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 10ms;

}  // namespace

Result<std::unique_ptr<Simulator>> Simulator::open(asio::io_context& io, const SimulatorOptions& options) {
    static const SystemClock clock;
    LABHUB_TRY(auto events, EventLog::open(options.events, clock));
    LABHUB_TRY(auto terminal, PseudoTerminal::open(io.get_executor(), options.link));
    return std::unique_ptr<Simulator>(new Simulator(io, options, std::move(terminal), std::move(events)));
}

Simulator::Simulator(asio::io_context& io, const SimulatorOptions& options, PseudoTerminal terminal, EventLog events)
    : events_(std::move(events)),
      terminal_(std::move(terminal)),
      to_board_(options.faults, options.faults.is_noisy_to_board, options.vessel.seed + 2, clock_),
      to_host_(options.faults, options.faults.is_noisy_to_host, options.vessel.seed + 3, clock_),
      board_(options.vessel, options.speed, events_, clock_,
             [this](std::span<const std::uint8_t> bytes) { terminal_.send(to_host_.pass(bytes)); }),
      executor_(io.get_executor()),
      ends_(io, SIGTERM, SIGINT),
      tasks_(io.get_executor()) {}

Task<void> Simulator::run() {
    tasks_.spawn("listen", listen());
    tasks_.spawn("live", live());
    co_await ends_.async_wait(as_result);
    co_await tasks_.stop();
}

Task<void> Simulator::listen() {
    std::array<std::uint8_t, 2048> buffer;
    while (true) {
        auto came = co_await terminal_.read(buffer);
        if (!came) {
            spdlog::error("{}", came.error().message);
            co_return;
        }
        board_.receive(to_board_.pass(std::span(buffer).first(*came)));
    }
}

Task<void> Simulator::live() {
    asio::steady_timer next(executor_);
    next.expires_after(kTick);
    while (true) {
        co_await next.async_wait(as_result);
        board_.tick();
        // From the time it was due, so that ticks do not drift; but none are made up for after a pause.
        next.expires_at(std::max(next.expiry() + kTick, Steady::now()));
    }
}

}  // namespace labhub::firmware_bridge::sim
