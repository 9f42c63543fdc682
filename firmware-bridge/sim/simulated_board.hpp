#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "firmware-bridge/firmware/board.h"
#include "firmware-bridge/sim/event_log.hpp"
#include "firmware-bridge/sim/vessel.hpp"
#include "shared/base/clock.hpp"

namespace labhub::firmware_bridge::sim {

/// The reference firmware on simulated hardware. The board's own time (heartbeats, dead-man) is the clock's;
/// the vessel's runs `speed` times as fast. Not thread-safe; must stay where it was made, as the firmware
/// points to it.
class SimulatedBoard {
  public:
    using Send = std::function<void(std::span<const std::uint8_t>)>;

    SimulatedBoard(const VesselOptions& options, double speed, EventLog& events, const Clock& clock, Send send);
    SimulatedBoard(const SimulatedBoard&) = delete;
    SimulatedBoard& operator=(const SimulatedBoard&) = delete;

    /// Bytes from the host.
    void receive(std::span<const std::uint8_t> bytes);
    /// Lets the vessel's time pass and the firmware look at its dead-man. Due every 10 ms.
    void tick();

    const Vessel& vessel() const { return vessel_; }

  private:
    static SimulatedBoard& self(void* context) { return *static_cast<SimulatedBoard*>(context); }
    hal make_hal();
    void advance();
    bool write(std::size_t channel, double value);
    bool write_pixels(std::size_t channel, std::span<const std::uint8_t> rgb);
    void note_what_happened();

    EventLog& events_;
    const Clock& clock_;
    Send send_;
    double speed_;
    Steady::time_point started_, advanced_to_;
    Vessel vessel_;
    std::array<double, VESSEL_CHANNELS> shown_{};  ///< outputs as last written to the event log
    std::string shown_ring_ = "#000000";
    std::array<bool, VESSEL_VIALS> spilling_{};
    std::array<double, VESSEL_VIALS> spilt_{};
    unsigned firings_ = 0;
    std::string serial_;
    hal hal_;
    board board_;
};

}  // namespace labhub::firmware_bridge::sim
