#include "shared/alarm/limit_check.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "shared/base/text.hpp"

namespace labhub::alarm {
namespace {

constexpr std::size_t kQualityWatch = 0;
constexpr std::size_t kDataWatch = 1;
constexpr std::size_t kFirstLimitWatch = 2;
constexpr std::chrono::hours kLongestTime{24 * 7};

Error unordered(std::string_view lower, double low, std::string_view upper, double high) {
    return {ErrorCode::out_of_range,
            std::string(lower) + " (" + format_number(low) + ") is not below " + std::string(upper) + " (" +
                format_number(high) + ")",
            "the order is lowlow < low < high < highhigh"};
}

Result<void> check_order(const Limits& limits) {
    const std::array<std::pair<std::string_view, std::optional<double>>, 4> all{
        {{"lowlow", limits.lowlow}, {"low", limits.low}, {"high", limits.high}, {"highhigh", limits.highhigh}}};
    std::optional<std::pair<std::string_view, double>> below;
    for (const auto& [name, limit] : all) {
        if (!limit) continue;
        if (!std::isfinite(*limit))
            return Error{ErrorCode::out_of_range, std::string(name) + " is not a finite number"};
        if (below && !(below->second < *limit)) return unordered(below->first, below->second, name, *limit);
        below.emplace(name, *limit);
    }
    return {};
}

Result<void> check_time(std::string_view name, std::chrono::milliseconds time) {
    if (time.count() >= 0 && time <= kLongestTime) return {};
    return Error{ErrorCode::out_of_range, std::string(name) + " is out of range", "allowed: 0s to 7d"};
}

}  // namespace

Result<void> check_limits(const Limits& limits) {
    LABHUB_CHECK(check_order(limits));
    const bool has_limit = limits.lowlow || limits.low || limits.high || limits.highhigh;
    if (!has_limit && limits.no_data.count() == 0 && !limits.quality)
        return Error{ErrorCode::malformed, "there is nothing to watch",
                     "give at least one of lowlow, low, high, highhigh, no_data, quality"};
    if (!(limits.hysteresis >= 0) || !std::isfinite(limits.hysteresis))
        return Error{ErrorCode::out_of_range, "hysteresis is out of range", "a number of the metric's unit, 0 or more"};
    const auto lower = limits.low ? limits.low : limits.lowlow;
    const auto upper = limits.high ? limits.high : limits.highhigh;
    if (lower && upper && limits.hysteresis >= *upper - *lower)
        return Error{ErrorCode::out_of_range, "hysteresis (" + format_number(limits.hysteresis) + ") is too wide",
                     "less than the " + format_number(*upper - *lower) + " between the low and the high limit"};
    LABHUB_CHECK(check_time("delay", limits.delay));
    return check_time("no_data", limits.no_data);
}

std::string explain(const Limits& limits, Condition condition, std::string_view unit) {
    const auto beyond = [&](std::string_view how, std::optional<double> limit) {
        return std::string(how) + " " + (limit ? format_number(*limit) : "its limit") +
               (unit.empty() ? "" : " " + std::string(unit));
    };
    switch (condition) {
        case Condition::none: return "normal";
        case Condition::low: return beyond("at or below", limits.low);
        case Condition::lowlow: return beyond("at or below", limits.lowlow);
        case Condition::high: return beyond("at or above", limits.high);
        case Condition::highhigh: return beyond("at or above", limits.highhigh);
        case Condition::no_data: return "no reading for " + format_duration(limits.no_data);
        case Condition::bad_quality: return "no usable value";
    }
    return {};
}

LimitCheck::LimitCheck(const Limits& limits, Steady::time_point now, Condition present)
    : hysteresis_(limits.hysteresis), condition_(present) {
    const auto of_limit = [&](Condition condition, Severity severity, std::optional<double> limit, bool is_upper) {
        const bool is_on = limit.has_value() && severity != Severity::none;
        return Watch{condition, severity, limit, is_upper, is_on, limits.delay, std::nullopt, false};
    };
    watches_ = {Watch{Condition::bad_quality, Severity::invalid, std::nullopt, false, limits.quality, limits.delay,
                      std::nullopt, false},
                Watch{Condition::no_data, Severity::invalid, std::nullopt, false, limits.no_data.count() > 0,
                      limits.no_data, now, false},
                of_limit(Condition::highhigh, limits.highhigh_severity, limits.highhigh, true),
                of_limit(Condition::lowlow, limits.lowlow_severity, limits.lowlow, false),
                of_limit(Condition::high, limits.high_severity, limits.high, true),
                of_limit(Condition::low, limits.low_severity, limits.low, false)};
    for (Watch& watch : watches_) {
        const bool is_milder = (present == Condition::highhigh && watch.condition == Condition::high) ||
                               (present == Condition::lowlow && watch.condition == Condition::low);
        if (watch.condition != present && !is_milder) continue;
        watch.since = now;
        watch.counts = watch.is_on;
    }
}

bool LimitCheck::is_beyond(const Watch& watch, double value) const {
    const double slack = watch.counts ? hysteresis_ : 0;
    return watch.is_upper ? value >= *watch.limit - slack : value <= *watch.limit + slack;
}

void LimitCheck::hold(Watch& watch, bool is_wrong, Steady::time_point now) {
    if (!is_wrong) {
        watch.since.reset();
        watch.counts = false;
    } else if (!watch.since) {
        watch.since = now;
    }
}

bool LimitCheck::take(const Reading& reading, Steady::time_point now) {
    if (reading.time <= time_ && time_ - reading.time < kClockStep) return false;
    time_ = reading.time;
    watches_[kDataWatch].since = now;
    watches_[kDataWatch].counts = false;
    const auto number = as_number(reading.value);
    const bool is_text = std::holds_alternative<std::string>(reading.value);
    const bool has_use = is_usable(reading.quality) && (is_text || (number.has_value() && std::isfinite(*number)));
    hold(watches_[kQualityWatch], !has_use, now);
    for (std::size_t i = kFirstLimitWatch; i < watches_.size(); ++i) {
        Watch& watch = watches_[i];
        if (!watch.is_on) continue;
        if (has_use && number)
            hold(watch, is_beyond(watch, *number), now);
        else if (!watch.counts)
            watch.since.reset();  // it has not been seen to hold without a break
    }
    if (has_use && number) value_ = number;
    return settle(now);
}

bool LimitCheck::look(Steady::time_point now) { return settle(now); }

bool LimitCheck::settle(Steady::time_point now) {
    for (Watch& watch : watches_)
        if (watch.is_on && watch.since && now - *watch.since >= watch.delay) watch.counts = true;
    const Watch* const found = worst();
    const Condition was = std::exchange(condition_, found ? found->condition : Condition::none);
    return was != condition_;
}

const LimitCheck::Watch* LimitCheck::worst() const {
    const Watch* found = nullptr;
    for (const Watch& watch : watches_)
        if (watch.is_on && watch.counts && (!found || watch.severity > found->severity)) found = &watch;
    return found;
}

Steady::time_point LimitCheck::next_look() const {
    auto next = Steady::time_point::max();
    for (const Watch& watch : watches_)
        if (watch.is_on && watch.since && !watch.counts) next = std::min(next, *watch.since + watch.delay);
    return next;
}

Severity LimitCheck::severity() const {
    for (const Watch& watch : watches_)
        if (watch.condition == condition_) return watch.severity;
    return Severity::none;
}

std::optional<double> LimitCheck::limit() const {
    for (const Watch& watch : watches_)
        if (watch.condition == condition_) return watch.limit;
    return std::nullopt;
}

}  // namespace labhub::alarm
