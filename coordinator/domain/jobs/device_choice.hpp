#pragma once

#include <map>
#include <memory>
#include <optional>

#include "coordinator/domain/fleet/fleet.hpp"
#include "coordinator/domain/jobs/needs.hpp"
#include "coordinator/domain/jobs/schedule.hpp"

namespace labhub::coordinator::jobs {

/// Which devices would do for a job, by what the fleet's devices said of themselves last: one that is born later
/// counts from then on. Jobs with the same needs share one choice, which is made anew only when the fleet has changed.
/// Lives on the main thread.
class DeviceChoices {
  public:
    explicit DeviceChoices(const fleet::Fleet& fleet) : fleet_(fleet) {}

    std::shared_ptr<const DeviceChoice> of(const Needs& needs);
    /// Error not_found: a device is asked for by name that its node doesn't have, or whose node nobody knows.
    Result<void> check_named(const Needs& needs) const;

  private:
    DeviceChoice choose(const Needs& needs) const;
    std::string why_none(const Needs& needs) const;

    const fleet::Fleet& fleet_;
    std::optional<std::uint64_t> changes_;  ///< of the fleet, when these were made
    std::map<Needs, std::shared_ptr<const DeviceChoice>> made_;
};

}  // namespace labhub::coordinator::jobs
