#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::store::telemetry {

/// What SQLite keeps beside a database.
inline constexpr std::array kCompanions{"-wal", "-shm", "-journal"};

/// "2026-02-15" of the day's first millisecond.
std::string day_name(std::int64_t day);
/// The reverse; nothing for text that is no day.
std::optional<std::int64_t> parse_day_name(std::string_view text);

std::filesystem::path with(const std::filesystem::path& file, const char* suffix);
/// 0 for a file that isn't there.
std::uint64_t size_of(const std::filesystem::path& file);
void remove_quietly(const std::filesystem::path& file);
Result<void> move_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// A new name is on disk only when its folder is.
Result<void> sync_folder(const std::filesystem::path& folder);
/// The file appears under its name only when it is complete: a killed writer leaves no partition without tables.
Result<void> create_partition(const std::filesystem::path& file);
/// Whether a writer may have left something to bring back.
bool is_active(const std::filesystem::path& file);

}  // namespace labhub::coordinator::store::telemetry
