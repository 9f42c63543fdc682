#include "coordinator/domain/telemetry/query.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "shared/base/text.hpp"

namespace labhub::coordinator::telemetry {
namespace {

using store::Aggregate;

constexpr std::array<std::pair<std::string_view, Aggregate>, 5> kAggregates{{{"avg", Aggregate::average},
                                                                             {"min", Aggregate::minimum},
                                                                             {"max", Aggregate::maximum},
                                                                             {"last", Aggregate::last},
                                                                             {"count", Aggregate::count}}};

std::optional<store::SeriesId> as_id(std::string_view text) {
    std::uint32_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return store::SeriesId{id};
}

/// The one series a word names without wildcards; nothing where it has some, or there is none.
std::optional<store::SeriesInfo> named(const store::TelemetryStore& store, const std::string& word) {
    std::optional<store::SeriesId> id = as_id(word);
    const auto first = word.find('/');
    const auto second = first == std::string::npos ? first : word.find('/', first + 1);
    if (!id && second != std::string::npos && !has_wildcard(word)) {
        const DeviceAddress device{NodeId{literal(word.substr(0, first))},
                                   literal(word.substr(first + 1, second - first - 1))};
        id = store.find(device, literal(word.substr(second + 1)));
    }
    if (!id) return std::nullopt;
    auto info = store.info(*id);
    if (!info) return std::nullopt;
    return std::move(*info);
}

SeriesName name_of(const store::SeriesInfo& series) {
    return {static_cast<std::int64_t>(series.id), series.device.to_string(), series.metric};
}

Error too_many_series(std::size_t count, std::size_t most) {
    return Error{ErrorCode::too_many, std::to_string(count) + " series are selected",
                 "at most " + std::to_string(most) + " at once: narrow series=, device= or metric="};
}

std::optional<std::vector<store::SeriesInfo>> all_named(const store::TelemetryStore& store,
                                                        const Selection& selection) {
    if (selection.series.empty() || !selection.device.empty() || !selection.metrics.empty()) return std::nullopt;
    std::vector<store::SeriesInfo> found;
    for (const auto& word : selection.series) {
        auto info = named(store, word);
        if (!info) return std::nullopt;
        const auto same = [&](const store::SeriesInfo& one) { return one.id == info->id; };
        if (std::none_of(found.begin(), found.end(), same)) found.push_back(std::move(*info));
    }
    return found;
}

Result<void> check_step(std::size_t series, const TimeRange& range, std::chrono::milliseconds step) {
    if (step.count() < 1)
        return Error{ErrorCode::out_of_range, "step=" + format_duration(step) + " is too short", "1ms or longer"};
    const std::int64_t most =
        static_cast<std::int64_t>(std::min(kMaxPoints, kMaxAllPoints / std::max<std::size_t>(series, 1)));
    const std::int64_t buckets = (range.to - range.from) / step + 1;
    if (buckets <= most) return {};
    std::int64_t seconds = (range.to - range.from).count() / 1000 / most + 1;
    return Error{ErrorCode::out_of_range,
                 "step=" + format_duration(step) + " gives " + std::to_string(buckets) + " points for each of " +
                     std::to_string(series) + " series",
                 "at most " + std::to_string(most) + ": " + format_duration(std::chrono::seconds{seconds}) +
                     " or longer, or a shorter range; GET /api/telemetry/export gives every sample"};
}

Result<void> check_max_points(std::size_t series, std::size_t points) {
    if (points < kMinPoints || points > kMaxPoints)
        return Error{ErrorCode::out_of_range, "max_points=" + std::to_string(points) + " is out of range",
                     "allowed: " + std::to_string(kMinPoints) + " to " + std::to_string(kMaxPoints) +
                         "; GET /api/telemetry/export gives every sample"};
    if (points * series <= kMaxAllPoints) return {};
    return Error{ErrorCode::out_of_range,
                 "max_points=" + std::to_string(points) + " for each of " + std::to_string(series) +
                     " series is too much for one answer",
                 "at most " + std::to_string(kMaxAllPoints / series) + " for so many series"};
}

}  // namespace

Result<Aggregate> parse_aggregate(std::string_view text) {
    for (const auto& [name, aggregate] : kAggregates)
        if (text == name) return aggregate;
    return Error{ErrorCode::malformed, "aggregate=" + printable(text, 40) + " is not known",
                 "one of avg, min, max, last, count"};
}

std::string_view to_string(Aggregate aggregate) {
    for (const auto& [name, known] : kAggregates)
        if (known == aggregate) return name;
    return "";
}

std::string full_name(const store::SeriesInfo& series) { return series.device.to_string() + "/" + series.metric; }

std::optional<Result<std::vector<store::SeriesInfo>>> find_named(const store::TelemetryStore& store,
                                                                 const Selection& selection, std::size_t most) {
    if (auto wrong = check_selection(selection); !wrong) return wrong.error();
    auto quick = all_named(store, selection);
    if (!quick) return std::nullopt;
    if (quick->size() > most) return too_many_series(quick->size(), most);
    return std::move(*quick);
}

Result<std::vector<store::SeriesInfo>> find_series(const store::TelemetryStore& store, const Selection& selection,
                                                   std::size_t most) {
    if (auto quick = find_named(store, selection, most)) return std::move(*quick);
    auto all = store.series();
    std::vector<SeriesName> names;
    names.reserve(all.size());
    for (const auto& one : all) names.push_back(name_of(one));
    LABHUB_CHECK(check_found(selection, names));
    const auto is_named = [&](const SeriesName& name) {
        const std::string full = name.device + "/" + name.metric;
        const auto says = [&](const std::string& word) {
            return (!has_wildcard(word) && literal(word) == full) || word == std::to_string(name.id);
        };
        return std::any_of(selection.series.begin(), selection.series.end(), says);
    };
    std::vector<store::SeriesInfo> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!selection.includes(names[i].id, names[i].device, names[i].metric)) continue;
        if (all[i].count > 0 || is_named(names[i])) found.push_back(std::move(all[i]));
    }
    if (found.size() > most) return too_many_series(found.size(), most);
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.device < b.device; });
    return found;
}

Result<Selection> without_ids(const store::TelemetryStore& store, Selection selection) {
    for (auto& word : selection.series) {
        const auto id = as_id(word);
        if (!id) continue;
        const auto info = store.info(*id);
        if (!info)
            return Error{ErrorCode::not_found, "no series has the id " + word, "GET /api/telemetry/series lists them"};
        word = pattern_of(full_name(*info));
    }
    return selection;
}

Result<store::SeriesQuery> question_of(const std::vector<store::SeriesInfo>& series, const TimeRange& range,
                                       const Resolution& resolution) {
    if (resolution.step) {
        LABHUB_CHECK(check_step(series.size(), range, *resolution.step));
    } else {
        LABHUB_CHECK(check_max_points(series.size(), resolution.max_points));
    }
    store::SeriesQuery question;
    for (const auto& one : series) question.series.push_back(one.id);
    question.from = range.from;
    question.to = range.to;
    question.max_points = resolution.max_points;
    question.step = resolution.step;
    question.aggregate = resolution.aggregate;
    return question;
}

}  // namespace labhub::coordinator::telemetry
