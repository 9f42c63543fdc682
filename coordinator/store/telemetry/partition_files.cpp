#include "coordinator/store/telemetry/partition_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>

#include "coordinator/store/telemetry/partition.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::store::telemetry {

namespace fs = std::filesystem;

std::string day_name(std::int64_t day) { return to_rfc3339(UtcMillis{day}).substr(0, 10); }

std::optional<std::int64_t> parse_day_name(std::string_view text) {
    int year = 0;
    unsigned month = 0, day = 0;
    const auto whole = [](std::string_view digits, auto& number) {
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        return parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
    };
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !whole(text.substr(0, 4), year) ||
        !whole(text.substr(5, 2), month) || !whole(text.substr(8, 2), day))
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::sys_days{date}.time_since_epoch())
        .count();
}

fs::path with(const fs::path& file, const char* suffix) { return fs::path(file.string() + suffix); }

std::uint64_t size_of(const fs::path& file) {
    std::error_code missing;
    const auto size = fs::file_size(file, missing);
    return missing ? 0 : size;
}

void remove_quietly(const fs::path& file) {
    std::error_code missing;
    fs::remove(file, missing);
}

Result<void> move_file(const fs::path& from, const fs::path& to) {
    std::error_code failure;
    fs::rename(from, to, failure);
    if (failure) return system_error("rename " + from.string(), failure.value());
    return {};
}

Result<void> sync_folder(const fs::path& folder) {
    const UniqueFd handle{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!handle || ::fsync(handle.get()) != 0) return system_error("sync " + folder.string(), errno);
    return {};
}

Result<void> create_partition(const fs::path& file) {
    const fs::path folder = file.parent_path();
    LABHUB_CHECK(make_folder(folder, 0700));
    const fs::path fresh = with(file, ".new");
    remove_quietly(fresh);
    LABHUB_CHECK(Partition::open_writer(fresh).map([](const Partition&) {}));
    LABHUB_CHECK(move_file(fresh, file));
    LABHUB_CHECK(sync_folder(folder));
    return sync_folder(folder.parent_path());
}

bool is_active(const fs::path& file) {
    return size_of(with(file, "-wal")) > 0 || size_of(with(file, "-journal")) > 0 || size_of(file) == 0;
}

}  // namespace labhub::coordinator::store::telemetry
