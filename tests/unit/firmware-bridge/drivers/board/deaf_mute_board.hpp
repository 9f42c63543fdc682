#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "firmware-bridge/drivers/board/board_driver.hpp"
#include "firmware-bridge/sim/pseudo_terminal.hpp"
#include "firmware-bridge/sim/simulated_board.hpp"
#include "shared/runtime/task_group.hpp"
#include "tests/unit/firmware-bridge/drivers/board/driver_loop.hpp"

namespace labhub::firmware_bridge {

/// The simulated board on the test's own loop, on a line that a test cuts one way or the other.
class DeafMuteBoard {
  public:
    explicit DeafMuteBoard(DriverLoop& loop)
        : loop_(loop),
          events_(*sim::EventLog::open({}, clock_)),
          terminal_(*sim::PseudoTerminal::open(loop.executor(), {})),
          board_({}, 1, events_, clock_, [this](std::span<const std::uint8_t> bytes) { say(bytes); }),
          tasks_(loop.executor()) {
        tasks_.spawn("listen", listen());
        tasks_.spawn("tick", tick());
    }
    ~DeafMuteBoard() { loop_.run(tasks_.stop()); }

    std::string port() const { return terminal_.path(); }

    bool hears = true;       ///< whether bytes of the host reach it
    bool speaks = true;      ///< whether its bytes reach the host
    unsigned swallowed = 0;  ///< frames that did not

  private:
    void say(std::span<const std::uint8_t> bytes) {
        if (speaks)
            terminal_.send(bytes);
        else
            ++swallowed;
    }
    Task<void> listen() {
        std::array<std::uint8_t, 2048> buffer;
        while (true) {
            auto came = co_await terminal_.read(buffer);
            if (!came) co_return;
            if (hears) board_.receive(std::span(buffer).first(*came));
        }
    }
    Task<void> tick() {
        while (true) {
            co_await sleep_for(std::chrono::milliseconds{10});
            board_.tick();
        }
    }

    DriverLoop& loop_;
    SystemClock clock_;
    sim::EventLog events_;
    sim::PseudoTerminal terminal_;
    sim::SimulatedBoard board_;
    TaskGroup tasks_;
};

}  // namespace labhub::firmware_bridge
