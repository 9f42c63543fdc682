#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"

namespace labhub::coordinator::fleet {

/// What a device's sensors gave at one time.
struct Sample {
    UtcMillis time;
    std::map<std::string, Value> values;
};

/// The last live samples of one device, oldest first: what a client that waits for the next one is given. A thousand
/// devices keep as many, so each value is kept with its metric's number, not its name. Lives on the main thread.
class RecentSamples {
  public:
    RecentSamples() = default;
    RecentSamples(RecentSamples&&) = default;
    RecentSamples& operator=(RecentSamples&&) = default;

    /// Adds to the newest sample, or begins a newer one; what is older than the newest is left out.
    void add(UtcMillis time, const std::string& metric, const Value& value);
    /// Forgets the oldest ones beyond `most`.
    void keep(std::size_t most);
    void clear();

    bool empty() const { return samples_.empty(); }
    std::size_t size() const { return samples_.size(); }
    /// Of the newest sample; there must be one.
    UtcMillis newest() const { return samples_.back().time; }
    /// The first `limit` younger than `after`.
    std::vector<Sample> after(UtcMillis after, std::size_t limit) const;

  private:
    struct Packed {
        UtcMillis time;
        std::vector<std::pair<std::uint32_t, Value>> values;
    };

    struct Metric {
        const std::string* name;    ///< the key in numbers_
        std::uint64_t last_in = 0;  ///< the number of the sample it was last in
        std::size_t place = 0;      ///< its place in that
    };

    void begin(UtcMillis time);
    std::uint32_t number_of(const std::string& metric);

    std::map<std::string, std::uint32_t> numbers_;
    std::vector<Metric> metrics_;  // by number
    std::deque<Packed> samples_;
    std::uint64_t begun_ = 0;  // samples ever
};

}  // namespace labhub::coordinator::fleet
