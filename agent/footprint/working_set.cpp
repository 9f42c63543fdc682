#include "agent/footprint/working_set.hpp"

#include <sys/mman.h>

#include <charconv>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::agent::footprint {
namespace {

constexpr std::chrono::seconds kAfterStart{5};
constexpr std::chrono::minutes kPeriod{10};

/// One mapping of /proc/self/smaps (proc(5)).
struct Mapping {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    bool is_read_only_file = false;
    std::size_t resident_kib = 0;
    std::size_t anonymous_kib = 0;
};

std::size_t kibibytes(std::string_view line) {
    std::size_t number = 0;
    const std::string_view text = trim(line.substr(line.find(':') + 1));
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// "7f00-7f10 r-xp 00000000 08:01 1234   /usr/lib/x.so", or nothing for the lines below it.
bool parse_header(std::string_view line, Mapping& mapping) {
    const char* const end = line.data() + line.size();
    const auto [dash, bad_begin] = std::from_chars(line.data(), end, mapping.begin, 16);
    if (bad_begin != std::errc{} || dash == end || *dash != '-') return false;
    const auto [blank, bad_end] = std::from_chars(dash + 1, end, mapping.end, 16);
    if (bad_end != std::errc{} || end - blank < 6) return false;
    const std::string_view permissions(blank + 1, 4);
    mapping.is_read_only_file =
        permissions[1] == '-' && permissions[3] == 'p' && line.find('/') != std::string_view::npos;
    return true;
}

std::size_t release(const Mapping& mapping) {
    // Relocated pages are read-only too by now, but exist nowhere else: they count as anonymous.
    if (!mapping.is_read_only_file || mapping.anonymous_kib > 0 || mapping.resident_kib == 0) return 0;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses come as text
    if (::madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED) != 0) return 0;
    return mapping.resident_kib * 1024;
}

}  // namespace

Result<std::size_t> release_idle_pages() {
    LABHUB_TRY(const std::string smaps, read_file("/proc/self/smaps", 4u << 20));
    std::size_t released = 0;
    Mapping present;
    for (const std::string_view line : split(smaps, '\n')) {
        Mapping next;
        if (parse_header(line, next)) {
            released += release(present);
            present = next;
        } else if (line.starts_with("Rss:")) {
            present.resident_kib = kibibytes(line);
        } else if (line.starts_with("Anonymous:")) {
            present.anonymous_kib = kibibytes(line);
        }
    }
    return released + release(present);
}

Task<void> keep_small() {
    co_await sleep_for(kAfterStart);
    while (true) {
        const auto released = release_idle_pages();
        if (released)
            spdlog::debug("{} KiB of idle pages given back", *released / 1024);
        else
            spdlog::debug("idle pages are kept: {}", released.error().to_string());
        co_await sleep_for(kPeriod);
    }
}

}  // namespace labhub::agent::footprint
