#include "coordinator/store/telemetry/partition_set.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>

#include "coordinator/store/telemetry/partition_files.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::store::telemetry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIdleReaders = 48;
constexpr std::size_t kWriters = 3;
constexpr const char* kQuarantine = "quarantine";

}  // namespace

std::string PartitionKey::to_string() const { return class_name + "/" + day_name(day); }

ReaderLease::ReaderLease(ReaderLease&& other) noexcept
    : set_(other.set_),
      key_(std::move(other.key_)),
      generation_(other.generation_),
      partition_(std::move(other.partition_)) {
    other.partition_.reset();
}

ReaderLease::~ReaderLease() {
    if (!partition_) return;
    if (!partition_->database().run("ROLLBACK")) return;
    set_->give_back(key_, generation_, std::move(*partition_));
}

Result<std::unique_ptr<PartitionSet>> PartitionSet::open(const fs::path& folder) {
    LABHUB_CHECK(make_folder(folder, 0700));
    std::unique_ptr<PartitionSet> set(new PartitionSet(folder));
    LABHUB_CHECK(set->load());
    return set;
}

Result<void> PartitionSet::load() {
    std::error_code failure;
    for (const auto& class_folder : fs::directory_iterator(folder_, failure)) {
        const std::string name = class_folder.path().filename().string();
        if (!class_folder.is_directory() || name == kQuarantine) continue;
        std::vector<fs::path> files;
        for (const auto& file : fs::directory_iterator(class_folder.path(), failure)) files.push_back(file.path());
        // A finished salvage before the file it stands in for.
        std::stable_partition(files.begin(), files.end(), [](const fs::path& f) { return f.extension() == ".fixed"; });
        for (const auto& file : files) LABHUB_CHECK(adopt(file, name));
    }
    if (failure) return system_error("list " + folder_.string(), failure.value());
    // Last, as finishing a salvage adds to them.
    if (!fs::exists(folder_ / kQuarantine)) return {};
    for (const auto& file : fs::directory_iterator(folder_ / kQuarantine, failure))
        lost_files_ += file.path().extension() == ".db" ? 1 : 0;
    return {};
}

/// What a killed process left half done is undone or finished here: a deletion (.gone), a salvage (.new, .fixed).
Result<void> PartitionSet::adopt(const fs::path& file, const std::string& class_name) {
    const std::string name = file.filename().string();
    const bool is_left_over = file.extension() == ".gone" || file.extension() == ".new";
    if (is_left_over) return remove_quietly(file), Result<void>{};
    if (file.extension() == ".fixed") {
        LABHUB_CHECK(replace(fs::path(file).replace_extension(), class_name));
        return adopt(fs::path(file).replace_extension(), class_name);
    }
    if (!fs::exists(file)) return {};
    for (const char* suffix : kCompanions)
        if (name.ends_with(suffix) && !fs::exists(file.string().substr(0, file.string().size() - std::strlen(suffix))))
            return remove_quietly(file), Result<void>{};
    const auto day = name.ends_with(".db") ? parse_day_name(name.substr(0, name.size() - 3)) : std::nullopt;
    if (!day) return {};
    const PartitionKey key{*day, class_name};
    {
        const std::lock_guard lock(mutex_);
        auto [entry, is_new] = entries_.try_emplace(key);
        if (!is_new) return {};
        entry->second.generation = ++generations_;
        entry->second.bytes = size_of(file);
    }
    // A killed writer's last transactions are in its log.
    if (!is_active(file)) return {};
    auto recovered = Partition::open_writer(file);
    if (recovered) return {};
    if (recovered.error().code != ErrorCode::corrupt) return recovered.error().within(key.to_string());
    report({key, std::nullopt});
    return {};
}

fs::path PartitionSet::path_of(const PartitionKey& key) const {
    return folder_ / key.class_name / (day_name(key.day) + ".db");
}

Result<std::optional<ReaderLease>> PartitionSet::reader(const PartitionKey& key) {
    std::optional<Partition> partition;
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(key);
        if (found == entries_.end()) return std::optional<ReaderLease>{};
        Entry& entry = found->second;
        entry.used = ++uses_;
        generation = entry.generation;
        if (!entry.idle.empty()) {
            partition.emplace(std::move(entry.idle.back()));
            entry.idle.pop_back();
            --idle_;
        }
    }
    if (!partition) {
        auto opened = Partition::open_reader(path_of(key));
        if (!opened && opened.error().code == ErrorCode::not_found) return std::optional<ReaderLease>{};
        if (!opened) {
            if (opened.error().code == ErrorCode::corrupt) report({key, std::nullopt});
            return std::move(opened).error();
        }
        partition.emplace(std::move(*opened));
    }
    // One state of the file for all that the lease reads, whatever compaction does meanwhile.
    LABHUB_CHECK(partition->database().run("BEGIN"));
    return std::optional<ReaderLease>(std::in_place, *this, key, generation, std::move(*partition));
}

void PartitionSet::give_back(const PartitionKey& key, std::uint64_t generation, Partition partition) {
    std::vector<Partition> closing;  // outside the lock
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.generation != generation) {
        closing.push_back(std::move(partition));
        return;
    }
    found->second.idle.push_back(std::move(partition));
    if (++idle_ <= kIdleReaders) return;
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
        if (!entry->second.idle.empty() && (oldest == entries_.end() || entry->second.used < oldest->second.used))
            oldest = entry;
    idle_ -= oldest->second.idle.size();
    closing = std::exchange(oldest->second.idle, {});
}

std::vector<std::int64_t> PartitionSet::days(std::int64_t from, std::int64_t to) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::int64_t> days;
    for (auto entry = entries_.lower_bound({day_of(std::max<std::int64_t>(from, 0)), ""}); entry != entries_.end();
         ++entry) {
        if (entry->first.day > to) break;
        if (days.empty() || days.back() != entry->first.day) days.push_back(entry->first.day);
    }
    return days;
}

std::vector<PartitionKey> PartitionSet::keys() const {
    const std::lock_guard lock(mutex_);
    std::vector<PartitionKey> keys;
    for (const auto& [key, entry] : entries_) keys.push_back(key);
    return keys;
}

bool PartitionSet::contains(const PartitionKey& key) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains(key);
}

void PartitionSet::report(Damage damage) {
    const std::lock_guard lock(mutex_);
    if (!reported_.emplace(damage.key, damage.row ? damage.row->id : -1).second) return;
    if (damage.row)
        spdlog::error("telemetry: a block of {} samples of series {} in partition {} is damaged and is set aside",
                      damage.row->count, static_cast<std::uint32_t>(damage.row->series), damage.key.to_string());
    else
        spdlog::error("telemetry: partition {} is damaged; what can be read of it is copied to a new one",
                      damage.key.to_string());
    damage_.push_back(std::move(damage));
}

std::vector<Damage> PartitionSet::take_damage() {
    const std::lock_guard lock(mutex_);
    return std::exchange(damage_, {});
}

void PartitionSet::put_back(Damage damage) {
    const std::lock_guard lock(mutex_);
    damage_.push_back(std::move(damage));
}

PartitionFigures PartitionSet::figures() const {
    const std::lock_guard lock(mutex_);
    PartitionFigures figures;
    figures.quarantined = lost_files_;
    for (const auto& [key, entry] : entries_) {
        ++figures.partitions;
        figures.blocks += entry.blocks;
        figures.bytes += entry.bytes;
        figures.quarantined += entry.quarantined;
    }
    return figures;
}

std::uint64_t PartitionSet::bytes_of(const PartitionKey& key) const {
    const fs::path file = path_of(key);
    return size_of(file) + size_of(with(file, "-wal")) + size_of(with(file, "-shm"));
}

Result<Partition*> PartitionSet::writer(const PartitionKey& key) {
    const auto found = writers_.find(key);
    if (found != writers_.end()) return &found->second;
    const fs::path file = path_of(key);
    if (!fs::exists(file)) LABHUB_CHECK(create_partition(file));
    auto opened = Partition::open_writer(file);
    if (!opened) {
        if (opened.error().code == ErrorCode::corrupt) report({key, std::nullopt});
        return opened.error().within("telemetry partition " + key.to_string());
    }
    if (writers_.size() >= kWriters) writers_.erase(writers_.begin());
    {
        const std::lock_guard lock(mutex_);
        auto [entry, is_new] = entries_.try_emplace(key);
        if (is_new) entry->second.generation = ++generations_;
    }
    return &writers_.emplace(key, std::move(*opened)).first->second;
}

void PartitionSet::forget_connections(const PartitionKey& key) {
    writers_.erase(key);
    std::vector<Partition> closing;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    found->second.generation = ++generations_;
    idle_ -= found->second.idle.size();
    closing = std::exchange(found->second.idle, {});
}

Result<void> PartitionSet::remove(const PartitionKey& key) {
    forget_connections(key);
    const fs::path file = path_of(key);
    // Gone in one step for whoever starts after a kill; only then its companions.
    LABHUB_CHECK(move_file(file, with(file, ".gone")));
    LABHUB_CHECK(sync_folder(file.parent_path()));
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(key);
        if (found != entries_.end()) {
            idle_ -= found->second.idle.size();
            entries_.erase(found);
        }
    }
    for (const char* suffix : kCompanions) remove_quietly(with(file, suffix));
    remove_quietly(with(file, ".gone"));
    return {};
}

Result<std::uint64_t> PartitionSet::salvage(const PartitionKey& key) {
    forget_connections(key);
    const fs::path file = path_of(key), fresh = with(file, ".new");
    remove_quietly(fresh);
    std::uint64_t kept = 0;
    {
        LABHUB_TRY(auto target, Partition::open_writer(fresh));
        LABHUB_TRY(auto transaction, sqlite::Transaction::begin(target.database()));
        LABHUB_TRY(kept, target.salvage_from(file));
        LABHUB_CHECK(transaction.commit());
    }
    LABHUB_CHECK(move_file(fresh, with(file, ".fixed")));
    LABHUB_CHECK(replace(file, key.class_name));
    forget_connections(key);
    const std::lock_guard lock(mutex_);
    ++lost_files_;
    reported_.erase({key, -1});
    spdlog::warn("telemetry: {} blocks of the damaged partition {} are kept; the file itself is in {}", kept,
                 key.to_string(), (folder_ / kQuarantine).string());
    return kept;
}

/// Puts `<file>.fixed` in the place of the file, which goes to quarantine. Can be done again after a kill at any point.
Result<void> PartitionSet::replace(const fs::path& file, const std::string& class_name) {
    for (const char* suffix : kCompanions) remove_quietly(with(file, suffix));
    if (fs::exists(file)) {
        LABHUB_CHECK(make_folder(folder_ / kQuarantine, 0700));
        const std::string stamp = std::to_string(SystemClock().utc_now().count);
        LABHUB_CHECK(
            move_file(file, folder_ / kQuarantine / (class_name + "-" + file.stem().string() + "-" + stamp + ".db")));
    }
    LABHUB_CHECK(move_file(with(file, ".fixed"), file));
    return sync_folder(file.parent_path());
}

Result<void> PartitionSet::survey(const PartitionKey& key) {
    LABHUB_TRY(auto lease, reader(key));
    if (!lease) return {};
    LABHUB_TRY(const auto blocks, (*lease)->count_of("block"));
    LABHUB_TRY(const auto quarantined, (*lease)->count_of("quarantine"));
    const std::uint64_t bytes = bytes_of(key);
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    found->second.blocks = blocks;
    found->second.quarantined = quarantined;
    found->second.bytes = bytes;
    return {};
}

}  // namespace labhub::coordinator::store::telemetry
