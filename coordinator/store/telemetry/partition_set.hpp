#pragma once

#include <atomic>
#include <compare>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/store/telemetry/partition.hpp"

namespace labhub::coordinator::store::telemetry {

/// The first millisecond of the UTC day.
inline std::int64_t day_of(std::int64_t time) { return time - time % kDayMs; }

struct PartitionKey {
    std::int64_t day = 0;  ///< day_of
    std::string class_name;
    auto operator<=>(const PartitionKey&) const = default;
    std::string to_string() const;  ///< "default/2026-02-15"
};

/// A block, or with no row a whole file, that was found damaged and waits to be set aside.
struct Damage {
    PartitionKey key;
    std::optional<BlockRow> row;
};

struct PartitionFigures {
    std::uint64_t partitions = 0;
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
    std::uint64_t quarantined = 0;
};

class PartitionSet;

/// A reader's connection for one transaction; goes back to the set when destroyed.
class ReaderLease {
  public:
    ReaderLease(PartitionSet& set, PartitionKey key, std::uint64_t generation, Partition partition)
        : set_(&set), key_(std::move(key)), generation_(generation), partition_(std::move(partition)) {}
    ReaderLease(ReaderLease&& other) noexcept;
    ReaderLease& operator=(ReaderLease&&) = delete;
    ~ReaderLease();
    Partition* operator->() { return &*partition_; }
    Partition& operator*() { return *partition_; }

  private:
    PartitionSet* set_;
    PartitionKey key_;
    std::uint64_t generation_;
    std::optional<Partition> partition_;
};

/// All partitions, `<folder>/<class>/<day>.db`. Reading is for any thread; what changes files belongs to the one that
/// tends the store.
class PartitionSet {
  public:
    static Result<std::unique_ptr<PartitionSet>> open(const std::filesystem::path& folder);

    /// A connection to read with; nothing when there is no such partition.
    Result<std::optional<ReaderLease>> reader(const PartitionKey& key);
    /// The days in [from, to] that any class has a partition of, ascending.
    std::vector<std::int64_t> days(std::int64_t from, std::int64_t to) const;
    std::vector<PartitionKey> keys() const;  ///< oldest day first
    bool contains(const PartitionKey& key) const;
    /// Remembers damage until it is set aside; logged once.
    void report(Damage damage);
    std::vector<Damage> take_damage();
    /// Returns damage that could not be set aside yet.
    void put_back(Damage damage);
    PartitionFigures figures() const;

    /// The connection to write with; made, with the file, when it is missing.
    Result<Partition*> writer(const PartitionKey& key);
    void close_writers() { writers_.clear(); }
    /// Deletes the file and with it all it holds, for good: its disk space is free when this returns, and no power cut
    /// brings it back.
    Result<void> remove(const PartitionKey& key);
    /// Moves the file to `<folder>/quarantine/` and makes a new one of what can be read of it.
    Result<std::uint64_t> salvage(const PartitionKey& key);
    /// Looks again at sizes and counts.
    Result<void> survey(const PartitionKey& key);
    std::uint64_t bytes_of(const PartitionKey& key) const;

  private:
    friend class ReaderLease;
    struct Entry {
        std::uint64_t generation = 0;
        std::vector<Partition> idle;
        std::uint64_t used = 0;
        std::uint64_t blocks = 0, quarantined = 0, bytes = 0;
    };
    explicit PartitionSet(std::filesystem::path folder) : folder_(std::move(folder)) {}
    Result<void> load();
    Result<void> adopt(const std::filesystem::path& file, const std::string& class_name);
    Result<void> replace(const std::filesystem::path& file, const std::string& class_name);
    std::filesystem::path path_of(const PartitionKey& key) const;
    void give_back(const PartitionKey& key, std::uint64_t generation, Partition partition);
    void forget_connections(const PartitionKey& key);

    std::filesystem::path folder_;
    mutable std::mutex mutex_;  ///< guards all below but writers_
    std::map<PartitionKey, Entry> entries_;
    std::uint64_t generations_ = 0, uses_ = 0;
    std::size_t idle_ = 0;
    std::vector<Damage> damage_;
    std::set<std::pair<PartitionKey, std::int64_t>> reported_;
    std::uint64_t lost_files_ = 0;
    std::map<PartitionKey, Partition> writers_;
};

}  // namespace labhub::coordinator::store::telemetry
