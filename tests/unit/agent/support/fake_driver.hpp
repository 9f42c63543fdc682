#pragma once

#include <map>
#include <string>
#include <vector>

#include "firmware-bridge/driver.hpp"
#include "shared/base/clock.hpp"

namespace labhub::test {

/// A small vessel in memory that behaves: it keeps what it is told, goes safe, vanishes and comes back safe.
class FakeDriver final : public firmware_bridge::Driver {
  public:
    explicit FakeDriver(const Clock& clock);

    Task<Result<void>> open() override;
    Task<void> close() override;
    bool is_connected() const override { return connected; }
    unsigned session() const override { return session_number; }
    Result<firmware_bridge::Identity> identify() const override;
    const std::vector<MetricInfo>& metrics() const override { return metrics_; }
    Task<Result<std::vector<Reading>>> read() override;
    Task<Result<std::vector<Reading>>> write(std::vector<Setpoint> setpoints) override;
    Task<Result<std::vector<Reading>>> safe() override;

    void vanish() { connected = false; }
    /// The board started anew meanwhile: its actuators are safe.
    void come_back();
    double value(const std::string& metric) const { return as_number(values.at(metric)).value_or(-1); }

    bool connected = true;
    unsigned session_number = 1;
    unsigned writes = 0;
    unsigned safes = 0;
    bool fail_writes = false;
    bool fail_reads = false;
    std::chrono::milliseconds slowness{0};  ///< each write takes this long, in real time
    unsigned writing_now = 0;
    unsigned most_writing = 0;
    std::map<std::string, Value> values;

  private:
    void go_safe();
    Reading reading(const std::string& metric) const {
        return {metric, values.at(metric), clock_.utc_now(), Quality::good};
    }
    std::vector<Reading> actuators() const;

    const Clock& clock_;
    std::vector<MetricInfo> metrics_;
};

}  // namespace labhub::test
