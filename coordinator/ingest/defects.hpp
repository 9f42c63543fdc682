#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coordinator/ingest/tally.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/value.hpp"
#include "shared/sparkplug/payload.hpp"

namespace labhub::coordinator::ingest {

/// Something in a node's messages that only another birth could mend.
struct Defect {
    enum class Kind : std::uint8_t {
        unknown_metric,
        changed_type,
        unreadable_metric,
        unborn_device,
        unreadable_message
    };

    Kind kind = Kind::unknown_metric;
    std::string name;                 ///< the metric's, "alias 7" where that is all it says; or the message's type
    std::optional<ValueType> type{};  ///< changed_type: of the values, where it is one of ours
};
/// For people: what `device` sends ("metric 'x' of device v, which its birth does not name"); and what would be right.
std::string describe(const Defect& defect, std::string_view device);
std::string_view remedy(const Defect& defect);

/// The defects of one node, and how often a birth has come and left each as it was. Births are asked for at once, then
/// after 6 and after 60 rebirth intervals (30 s and 5 min). What the third birth has not mended is given up: left out,
/// counted, and no reason any more to withhold positions, as a node that can't say better would keep its rows for ever
/// and be born for ever. A birth that puts it right ends that. What has not been seen for 120 intervals is forgotten.
///
/// Bounded for the node and for all nodes: what finds no place is judged together with all others that find none. Names
/// are kept as hashes. Thread: the ingest's. The tally must outlive it.
class Defects {
  public:
    static constexpr int kFruitlessBirths = 3;
    static constexpr std::size_t kMostOfANode = 256;
    static constexpr std::uint64_t kMostOfAll = 50'000;

    Defects(std::chrono::milliseconds rebirth_interval, Tally& tally) : interval_(rebirth_interval), tally_(tally) {}
    ~Defects();
    Defects(const Defects&) = delete;
    Defects& operator=(const Defects&) = delete;

    struct Finding {
        bool is_given_up = false;
        bool is_news = false;       ///< found for the first time, or given up just now
        Steady::time_point ask_at;  ///< when to ask for a birth, where it is not given up
    };
    /// `device`: empty for the node itself.
    Finding found(const Defect& defect, std::string_view device, Steady::time_point now);
    /// An NBIRTH came: what is found from here on, it has not mended.
    void node_born() { ++births_; }
    /// A birth of the device, or, without a device, of the node was taken. How many that were given up it puts right.
    std::size_t mend(std::string_view device, const sparkplug::Payload& birth);
    /// To be called now and then.
    void forget_old(Steady::time_point now);

  private:
    struct Entry {
        std::uint64_t birth = 0;  ///< the one before it was found last; 0: never found
        int fruitless = 0;
        bool is_given_up = false, was_mended = false;
        std::optional<ValueType> type;
        Steady::time_point ask_at, seen_at;
    };
    using Entries = std::unordered_map<std::uint64_t, Entry>;

    Entry& entry_of(std::uint64_t key);
    bool mend(Entries::iterator place);
    Entries::iterator forget(Entries::iterator place);

    const std::chrono::milliseconds interval_;
    Tally& tally_;
    std::uint64_t births_ = 1;
    Entries entries_;
    Steady::time_point looked_at_{};
};

}  // namespace labhub::coordinator::ingest
