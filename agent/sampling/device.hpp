#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware-bridge/driver.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::agent::sampling {

/// What became of a device's link since it was last looked at.
enum class LinkChange {
    none,
    lost,   ///< it can't be reached any more
    found,  ///< it is there (again); its actuators may have been made safe by its own dead-man meanwhile
};

/// One device of this node as every room of the agent sees it: its driver, and the latest reading of each metric.
/// Thread: the agent's main thread. Ownership: owns the driver. A reading enters through accept() alone, which is what
/// makes the times of a metric rise strictly, as the stores' key (series, time) needs. Only a clock that was set back
/// by more than a few seconds takes them back with it: they would be false for as long otherwise.
class Device {
  public:
    /// Gets readings in the order they were accepted. Must not call back into the device.
    using Listener = std::function<void(const Device&, std::vector<Reading>)>;
    /// Told that the times of readings went back, before the readings are given on.
    using StepListener = std::function<void(const Device&)>;
    /// Told of each change of the link, once, and waited for by whoever noticed it.
    using LinkListener = std::function<Task<void>(Device&, LinkChange)>;

    Device(std::string id, std::unique_ptr<firmware_bridge::Driver> driver, const Clock& clock)
        : id_(std::move(id)), driver_(std::move(driver)), clock_(clock) {}

    const std::string& id() const { return id_; }
    firmware_bridge::Driver& driver() { return *driver_; }
    const firmware_bridge::Driver& driver() const { return *driver_; }
    const std::vector<MetricInfo>& metrics() const { return driver_->metrics(); }
    /// Whether the last look found the link up.
    bool is_connected() const { return connected_; }
    /// Why it isn't, for people; empty while connected.
    std::string problem() const;
    void set_problem(std::string why) { problem_ = std::move(why); }

    void listen(Listener listener) { listener_ = std::move(listener); }
    /// Readings that tell of a change of state go here instead: the quality of any metric changed, or the value of an
    /// actuator or of one that is no number. Periodic numbers of a sensor never do.
    void listen_to_changes(Listener listener) { change_listener_ = std::move(listener); }
    /// No reading gets a time up to this one: what was stored before the agent started anew, perhaps by a clock that
    /// was ahead.
    void start_after(UtcMillis newest) { floor_ = newest; }
    void listen_to_steps(StepListener listener) { step_listener_ = std::move(listener); }
    void listen_to_link(LinkListener listener) { link_listener_ = std::move(listener); }
    /// Takes readings in: each gets a time later than its metric's last, becomes the latest and goes to the listener.
    /// Returned as they were stored.
    std::vector<Reading> accept(std::vector<Reading> readings);
    /// As accept(), and all of it tells of a change of state: what a device was found with, or set to when it was.
    std::vector<Reading> accept_found(std::vector<Reading> readings);
    /// Becomes the latest without going to a listener.
    std::vector<Reading> prime(std::vector<Reading> readings);
    /// Reports "no value, bad quality" for those of `metrics` (empty: all) whose latest isn't bad already.
    void accept_failure(const std::vector<std::string>& metrics = {});

    /// As accept_failure, for those that were never read.
    void accept_unread();

    /// The latest of every metric, in the order of metrics(); for what was never read, null and bad since the device
    /// was found: always the same time, and earlier than any reading's.
    std::vector<Reading> latest() const;
    /// Error not_found naming the choices.
    Result<Reading> latest(std::string_view metric) const;
    /// Whether every actuator is known to be at its safe value.
    bool is_safe() const;

    /// Compares the driver's state with what was last seen, and tells of a change. A link that broke is reported in the
    /// readings too, before the listener is called.
    Task<void> look();
    /// Whether look() would find a change.
    bool has_changed() const {
        return driver_->is_connected() != connected_ || (connected_ && driver_->session() != session_);
    }

  private:
    LinkChange observe();
    Reading unread(const MetricInfo& metric) const;
    bool tells_of_change(const Reading& reading) const;

    std::string id_;
    std::unique_ptr<firmware_bridge::Driver> driver_;
    const Clock& clock_;
    UtcMillis floor_;
    std::optional<UtcMillis> found_at_;  ///< the first time
    Listener listener_;
    Listener change_listener_;
    LinkListener link_listener_;
    StepListener step_listener_;
    std::map<std::string, Reading, std::less<>> latest_;
    bool connected_ = false;
    unsigned session_ = 0;
    std::string problem_ = "not found yet";
};

}  // namespace labhub::agent::sampling
