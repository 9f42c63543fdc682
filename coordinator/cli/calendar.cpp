#include "coordinator/cli/calendar.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "coordinator/cli/table.hpp"
#include "coordinator/cli/text_of.hpp"

namespace labhub::cli {
namespace {

constexpr std::size_t kGutter = 12;  // "Mon 30 Nov  "
constexpr std::size_t kHours = 24;
constexpr std::array kColours{"\x1b[7;36m", "\x1b[7;33m", "\x1b[7;35m", "\x1b[7;32m", "\x1b[7;34m"};
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";

std::tm local_of(std::int64_t time) {
    const std::time_t seconds = static_cast<std::time_t>(time / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
}

std::string format(std::int64_t time, const char* form) {
    const std::tm parts = local_of(time);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), form, &parts)};
}

/// The first letters that fit, whole ones.
std::string cut(std::string text, std::size_t width) {
    while (width_of(text) > width) {
        while ((static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
        text.pop_back();
    }
    return text;
}

std::string padded(std::string text, std::size_t width, const char* with) {
    for (std::size_t has = width_of(text); has < width; ++has) text += with;
    return text;
}

/// By their name, so that a person keeps a colour from week to week.
const char* colour_of(const std::string& owner) {
    std::size_t sum = 0;
    for (const char c : owner) sum = sum * 31 + static_cast<unsigned char>(c);
    return kColours[sum % kColours.size()];
}

/// One day's line, cell by cell. A cell holds a fraction of an hour by the wall clock, also where that is set forward
/// or back.
class Day {
  public:
    Day(std::int64_t begin, std::int64_t end, std::size_t per_hour, const CalendarOptions& options)
        : begin_(begin), end_(end), per_hour_(per_hour), options_(options) {}

    std::string line(const std::vector<CalendarEntry>& entries) {
        std::string text;
        for (const auto& entry : entries) {
            if (entry.to <= begin_ || entry.from >= end_) continue;
            const std::size_t from = std::max(at_, cell_of(std::max(entry.from, begin_), false));
            const std::size_t to = entry.to >= end_ ? kHours * per_hour_ : cell_of(entry.to, true);
            if (to <= from) continue;
            text += free_until(from) + bar(entry, to - from);
            at_ = to;
        }
        text += free_until(kHours * per_hour_);
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    }

  private:
    std::size_t cell_of(std::int64_t time, bool is_end) const {
        const std::tm parts = local_of(time);
        const auto minutes = static_cast<std::size_t>(parts.tm_hour * 60 + parts.tm_min) * per_hour_;
        return (minutes + (is_end ? 59 : 0)) / 60;
    }

    std::string free_until(std::size_t cell) {
        const std::int64_t now = options_.now.count;
        const std::size_t passed = now >= end_ ? kHours * per_hour_ : now < begin_ ? 0 : cell_of(now, false);
        std::string text;
        for (; at_ < cell; ++at_) {
            if (at_ == passed && now >= begin_ && now < end_)
                text += options_.is_styled ? std::string(kBold) + "│" + kPlain : "│";
            else
                text += at_ < passed ? " " : "·";
        }
        return text;
    }

    std::string bar(const CalendarEntry& entry, std::size_t width) const {
        const std::string name = person_text(entry.owner);
        if (options_.is_styled) return colour_of(entry.owner) + padded(cut("▏" + name, width), width, " ") + kPlain;
        if (width < 3) return width == 1 ? "#" : "[]";
        return "[" + padded(cut(name, width - 2), width - 2, "=") + "]";
    }

    std::int64_t begin_, end_;
    std::size_t per_hour_;
    const CalendarOptions& options_;
    std::size_t at_ = 0;
};

std::string ruler(std::size_t per_hour) {
    const std::size_t step = per_hour == 1 ? 6 : 3;
    std::string text(kGutter, ' ');
    for (std::size_t hour = 0; hour < kHours; hour += step) {
        const std::string label = (hour < 10 ? "0" : "") + std::to_string(hour);
        text += padded(label, step * per_hour, " ");
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

}  // namespace

CalendarEntry calendar_entry_of(const boost::json::object& reservation) {
    CalendarEntry entry;
    entry.id = text_of(reservation, "id");
    entry.device = text_of(reservation, "device");
    entry.owner = text_of(reservation, "owner");
    entry.note = text_of(reservation, "note");
    entry.from = integer_of(reservation, "from").value_or(0);
    entry.to = integer_of(reservation, "to").value_or(0);
    return entry;
}

std::int64_t local_midnight(std::int64_t time, int days) {
    std::tm parts = local_of(time);
    parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
    parts.tm_mday += days;
    parts.tm_isdst = -1;
    return static_cast<std::int64_t>(std::mktime(&parts)) * 1000;
}

std::string when_text(std::int64_t from, std::int64_t to) {
    const std::string begin = format(from, "%a %e %b %H:%M");
    const bool is_one_day = local_midnight(from) == local_midnight(to - 1);
    if (!is_one_day) return begin + " – " + format(to, "%a %e %b %H:%M");
    return begin + "–" + (local_midnight(to) == to ? "24:00" : format(to, "%H:%M"));
}

std::string person_text(const std::string& principal) {
    return principal.starts_with("user:") ? principal.substr(5) : principal;
}

std::string draw_calendar(const std::string& device, const std::vector<CalendarEntry>& entries,
                          const CalendarOptions& options) {
    std::size_t per_hour = 1;
    while (per_hour < 4 && kGutter + kHours * per_hour * 2 <= options.width) per_hour *= 2;
    const std::string line = ruler(per_hour);
    std::string text = (options.is_styled ? kBold + device + kPlain : device) + "\n";
    text += (options.is_styled ? kDim + line + kPlain : line) + "\n";
    for (int number = 0; number < options.days; ++number) {
        const std::int64_t begin = local_midnight(options.first_day, number);
        const std::int64_t end = local_midnight(options.first_day, number + 1);
        Day day(begin, end, per_hour, options);
        std::string row = format(begin, "%a %e %b  ") + day.line(entries);
        row.erase(row.find_last_not_of(' ') + 1);
        text += row + "\n";
    }
    return text;
}

}  // namespace labhub::cli
