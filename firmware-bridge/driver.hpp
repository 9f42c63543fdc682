#pragma once

#include <string>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::firmware_bridge {

/// Who answers at the other end of the wire.
struct Identity {
    std::string family;    ///< the driver's name: "board"
    std::string model;     ///< what the hardware calls itself
    std::string serial;    ///< stable identity, used to find it again on another port
    std::string firmware;  ///< version text
};

/// One device on some wire. Every call runs on the executor the driver was made with, ends within the
/// driver's own time limit (`timed_out`), and fails with `unavailable` while the device can't be reached. A driver
/// reconnects by itself; while it is away `read` fails at once, and nothing is kept to be sent later.
class Driver {
  public:
    virtual ~Driver() = default;

    /// Begins to look for the device and keeps at it until close(). Returns when the first attempt has ended;
    /// its failure is returned, but attempts go on.
    virtual Task<Result<void>> open() = 0;
    /// Stops the background work; actuators are made safe if the device can be reached.
    virtual Task<void> close() = 0;
    virtual bool is_connected() const = 0;
    /// Rises each time the device was found again: its actuators may have been made safe by its own dead-man.
    virtual unsigned session() const = 0;
    virtual Result<Identity> identify() const = 0;
    /// Every metric of the device. Fixed for the driver's life.
    virtual const std::vector<MetricInfo>& metrics() const = 0;

    /// The present value of every metric, sensors and actuators, all with one time. A metric whose value could not be
    /// had has none, and quality bad.
    virtual Task<Result<std::vector<Reading>>> read() = 0;
    /// Sets actuators, in order, as one exchange where the wire allows. Returns what the device acknowledged.
    /// Values have been checked against metrics() before. After `timed_out` nobody knows whether it was carried out;
    /// the driver puts the outputs that were named at their safe values as soon as the device answers, and a write that
    /// does this along the way returns them behind its own.
    virtual Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints) = 0;
    /// Puts every actuator at its safe value.
    virtual Task<Result<std::vector<Reading>>> safe() = 0;
};

}  // namespace labhub::firmware_bridge
