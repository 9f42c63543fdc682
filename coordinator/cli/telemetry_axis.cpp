#include "coordinator/cli/telemetry_axis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "shared/base/clock.hpp"

namespace labhub::cli {
namespace {

constexpr std::int64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::array kTimeSteps{kSecond,    2 * kSecond,  5 * kSecond,  10 * kSecond, 15 * kSecond, 30 * kSecond,
                                kMinute,    2 * kMinute,  5 * kMinute,  10 * kMinute, 15 * kMinute, 30 * kMinute,
                                kHour,      2 * kHour,    3 * kHour,    6 * kHour,    12 * kHour,   kDay,
                                2 * kDay,   7 * kDay,     14 * kDay,    28 * kDay,    56 * kDay,    182 * kDay,
                                364 * kDay, 1'820 * kDay, 3'640 * kDay, 36'400 * kDay};

std::tm local_of(std::int64_t millis) {
    const std::time_t seconds = static_cast<std::time_t>(std::floor(static_cast<double>(millis) / 1000.0));
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
}

std::string format(std::int64_t millis, const char* form) {
    const std::tm parts = local_of(millis);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), form, &parts)};
}

const char* form_of(std::int64_t step) {
    if (step < kMinute) return "%H:%M:%S";
    return step < kDay ? "%H:%M" : step < 364 * kDay ? "%e %b" : "%Y";
}

std::string number_text(double value, double step) {
    std::array<char, 40> text{};
    const double size = std::max(std::fabs(value), step);
    const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    if (size >= 1e7 || decimals > 6)
        std::snprintf(text.data(), text.size(), "%.4g", value);
    else
        std::snprintf(text.data(), text.size(), "%.*f", decimals, std::fabs(value) < step / 1e6 ? 0.0 : value);
    return text.data();
}

double round_step(double span, std::size_t most) {
    const double least = span / static_cast<double>(std::max<std::size_t>(most, 1));
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double times : {1.0, 2.0, 5.0})
        if (times * power >= least * (1 - 1e-9)) return times * power;
    return 10.0 * power;
}

std::string offset_text(std::int64_t millis) {
    const long minutes = local_of(millis).tm_gmtoff / 60;
    if (minutes == 0) return "UTC";
    std::array<char, 24> text{};
    const long hours = std::labs(minutes) / 60, rest = std::labs(minutes) % 60;
    if (rest)
        std::snprintf(text.data(), text.size(), "UTC%c%ld:%02ld", minutes < 0 ? '-' : '+', hours, rest);
    else
        std::snprintf(text.data(), text.size(), "UTC%c%ld", minutes < 0 ? '-' : '+', hours);
    return text.data();
}

}  // namespace

std::vector<Tick> value_ticks(double low, double high, std::size_t most) {
    if (!(high > low)) return {{low, number_text(low, std::max(std::fabs(low) / 100, 1e-6))}};
    const double step = round_step(high - low, most);
    std::vector<Tick> ticks;
    const double slack = step * 1e-9;
    for (double n = std::ceil((low - slack) / step); n * step <= high + slack && ticks.size() < most + 1; ++n)
        ticks.push_back({n * step, number_text(n * step, step)});
    return ticks;
}

std::vector<Tick> time_ticks(std::int64_t from, std::int64_t to, std::size_t width) {
    const std::int64_t span = std::max<std::int64_t>(to - from, 1);
    std::int64_t step = kTimeSteps.back();
    for (const std::int64_t candidate : kTimeSteps) {
        const std::size_t label = form_of(candidate)[1] == 'Y' ? 4 : candidate < kMinute ? 8 : candidate < kDay ? 5 : 6;
        const double places = static_cast<double>(candidate) / static_cast<double>(span) * static_cast<double>(width);
        if (places < static_cast<double>(label + 4)) continue;
        step = candidate;
        break;
    }
    const std::int64_t ahead = static_cast<std::int64_t>(local_of(from).tm_gmtoff) * kSecond;
    std::vector<Tick> ticks;
    for (std::int64_t at = ((from + ahead + step - 1) / step) * step - ahead; at <= to; at += step) {
        std::string label = format(at, form_of(step));
        label.erase(0, label.find_first_not_of(' '));
        ticks.push_back({static_cast<double>(at), std::move(label)});
    }
    return ticks;
}

std::vector<Tick> elapsed_ticks(std::int64_t from, std::int64_t to, std::size_t width) {
    const std::int64_t span = std::max<std::int64_t>(to - from, 1);
    std::int64_t step = kTimeSteps.back();
    for (const std::int64_t candidate : kTimeSteps) {
        constexpr double kLabel = 6;  // "10m30s"
        const double places = static_cast<double>(candidate) / static_cast<double>(span) * static_cast<double>(width);
        if (places < kLabel + 4) continue;
        step = candidate;
        break;
    }
    std::vector<Tick> ticks;
    for (std::int64_t at = 0; at <= span; at += step)
        ticks.push_back({static_cast<double>(from + at), format_duration(std::chrono::milliseconds{at})});
    return ticks;
}

std::string range_title(std::int64_t from, std::int64_t to) {
    const char* const clock = to - from < 10 * kMinute ? "%H:%M:%S" : "%H:%M";
    const std::string first = format(from, "%a %e %b %Y"), last = format(to, "%a %e %b %Y");
    const auto tidy = [](std::string text) {
        for (auto at = text.find("  "); at != std::string::npos; at = text.find("  ")) text.erase(at, 1);
        return text;
    };
    std::string title = tidy(first) + ", " + format(from, clock) + " – ";
    if (first != last) title += tidy(last) + ", ";
    return title + format(to, clock) + " (" + offset_text(to) + ")";
}

std::string unit_text(const std::string& ucum) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kWritten{{{"Cel", "°C"},
                                                                                            {"[degF]", "°F"},
                                                                                            {"um", "µm"},
                                                                                            {"uL", "µL"},
                                                                                            {"ug", "µg"},
                                                                                            {"us", "µs"},
                                                                                            {"Ohm", "Ω"},
                                                                                            {"1", ""}}};
    for (const auto& [symbol, written] : kWritten)
        if (ucum == symbol) return std::string(written);
    return ucum;
}

}  // namespace labhub::cli
