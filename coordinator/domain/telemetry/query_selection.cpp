#include "coordinator/domain/telemetry/query_selection.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "shared/base/text.hpp"
#include "shared/config/nearest.hpp"

namespace labhub::coordinator::telemetry {
namespace {

/// Bytes of the character that begins at `at`, in UTF-8.
std::size_t character_length(std::string_view text, std::size_t at) {
    std::size_t length = 1;
    while (at + length < text.size() && (static_cast<unsigned char>(text[at + length]) & 0xC0) == 0x80) ++length;
    return length;
}

bool is_escape(std::string_view pattern, std::size_t at) { return pattern[at] == '\\' && at + 1 < pattern.size(); }

/// The place of the first `wanted` that no '\' stands before.
std::size_t find_plain(std::string_view pattern, std::string_view wanted, std::size_t from = 0) {
    for (std::size_t at = from; at < pattern.size(); ++at) {
        if (is_escape(pattern, at))
            ++at;
        else if (wanted.find(pattern[at]) != std::string_view::npos)
            return at;
    }
    return std::string_view::npos;
}

/// As trim(), but for a blank at the end that is escaped.
std::string_view trim_pattern(std::string_view word) {
    const auto trimmed = trim(word);
    std::size_t strokes = 0;
    while (strokes < trimmed.size() && trimmed[trimmed.size() - 1 - strokes] == '\\') ++strokes;
    const auto end = static_cast<std::size_t>(trimmed.data() - word.data()) + trimmed.size();
    const bool is_cut = strokes % 2 == 1 && end < word.size();
    return is_cut ? std::string_view(trimmed.data(), trimmed.size() + 1) : trimmed;
}

std::optional<std::int64_t> as_id(std::string_view text) {
    std::int64_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

bool is_series(std::string_view pattern, std::int64_t id, std::string_view device, std::string_view metric) {
    if (const auto wanted = as_id(pattern)) return *wanted == id && id != 0;
    std::string full;
    full.reserve(device.size() + metric.size() + 1);
    full.append(device).append("/").append(metric);
    return matches(pattern, full);
}

template <class Fits>
bool any_known(const std::vector<SeriesName>& known, Fits fits) {
    return std::any_of(known.begin(), known.end(), fits);
}

/// Up to three of the words that were most likely meant.
std::string near_words(std::string_view typed, const std::set<std::string>& words) {
    constexpr std::size_t kMostWords = 2'000, kLongestWord = 120;  // it is slow
    if (words.size() > kMostWords || typed.size() > kLongestWord) return {};
    std::vector<std::string> left(words.begin(), words.end());
    std::string near;
    for (int i = 0; i < 3; ++i) {
        const std::string next = config::nearest(typed, left);
        if (next.empty()) break;
        near += (near.empty() ? "" : ", ") + next;
        std::erase(left, next);
    }
    return near;
}

Error not_found(std::string_view what, std::string_view typed, const std::set<std::string>& words) {
    constexpr std::size_t kFew = 6;
    const std::string count = std::to_string(words.size());
    std::string detail;
    if (words.empty())
        detail = "no readings have been stored yet";
    else if (std::string near = near_words(typed, words); !near.empty())
        detail = "did you mean " + near + "?";
    else if (words.size() <= kFew)
        for (const auto& word : words) detail += (detail.empty() ? "there are: " : ", ") + word;
    else
        detail = "there are " + count + ", which GET /api/telemetry/series lists, as in " + *words.begin();
    return Error{ErrorCode::not_found, "no " + std::string(what) + " '" + printable(typed, 120) + "'",
                 std::move(detail)};
}

}  // namespace

bool has_wildcard(std::string_view pattern) { return find_plain(pattern, "*?") != std::string_view::npos; }

std::string literal(std::string_view pattern) {
    std::string text;
    for (std::size_t at = 0; at < pattern.size(); ++at) text += pattern[is_escape(pattern, at) ? ++at : at];
    return text;
}

std::string pattern_of(std::string_view text) {
    std::string pattern;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool is_end_blank = text[at] == ' ' && (at == 0 || at + 1 == text.size());
        if (is_end_blank || std::string_view("*?\\,").find(text[at]) != std::string_view::npos) pattern += '\\';
        pattern += text[at];
    }
    return pattern;
}

bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0;
    std::size_t star = std::string_view::npos, resume = 0;  // the last '*', and where what it swallows ends
    while (t < text.size()) {
        const bool is_escaped = p < pattern.size() && is_escape(pattern, p);
        const std::size_t own = is_escaped ? p + 1 : p;
        if (!is_escaped && p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (!is_escaped && p < pattern.size() && pattern[p] == '?') {
            ++p;
            t += character_length(text, t);
        } else if (own < pattern.size() && pattern[own] == text[t]) {
            p = own + 1;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

bool Selection::includes(std::int64_t id, std::string_view device_name, std::string_view metric) const {
    if (!device.empty() && !matches(device, device_name)) return false;
    const auto is_metric = [&](const std::string& pattern) { return matches(pattern, metric); };
    if (!metrics.empty() && std::none_of(metrics.begin(), metrics.end(), is_metric)) return false;
    const auto is_wanted = [&](const std::string& pattern) { return is_series(pattern, id, device_name, metric); };
    return series.empty() || std::any_of(series.begin(), series.end(), is_wanted);
}

std::vector<std::string> comma_list(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(find_plain(text, ",", begin), text.size());
        if (const auto word = trim_pattern(text.substr(begin, end - begin)); !word.empty()) words.emplace_back(word);
        begin = end + 1;
    }
    return words;
}

Result<void> check_selection(const Selection& selection) {
    std::size_t bytes = selection.device.size();
    for (const auto& pattern : selection.series) {
        bytes += pattern.size();
        if (as_id(pattern) || std::count(pattern.begin(), pattern.end(), '/') >= 2) continue;
        if (find_plain(pattern, "*") != std::string_view::npos) continue;
        return Error{ErrorCode::malformed, "series=" + printable(pattern, 120) + " is not a series",
                     "an id, or node/device/metric with * and ? where any character will do; metric= takes a metric "
                     "alone"};
    }
    for (const auto& pattern : selection.metrics) bytes += pattern.size();
    if (bytes <= kMaxPatternBytes) return {};
    return Error{ErrorCode::too_large, "the patterns of series, device and metric are too long",
                 "at most " + std::to_string(kMaxPatternBytes) + " bytes in all; a * can stand for many"};
}

Result<void> check_found(const Selection& selection, const std::vector<SeriesName>& known) {
    // Of all that is known, and so only where something is missing.
    const auto all = [&known](auto word) {
        std::set<std::string> words;
        for (const auto& one : known) words.insert(word(one));
        return words;
    };
    const auto& device = selection.device;
    if (!device.empty() && !any_known(known, [&](const SeriesName& one) { return matches(device, one.device); }))
        return not_found("stored readings of a device", device, all([](const auto& one) { return one.device; }));
    for (const auto& pattern : selection.metrics)
        if (!any_known(known, [&](const SeriesName& one) { return matches(pattern, one.metric); }))
            return not_found("metric", pattern, all([](const auto& one) { return one.metric; }));
    for (const auto& pattern : selection.series)
        if (!any_known(known,
                       [&](const SeriesName& one) { return is_series(pattern, one.id, one.device, one.metric); }))
            return not_found(has_wildcard(pattern) ? "series that matches" : "series", pattern,
                             all([](const auto& one) { return one.device + "/" + one.metric; }));
    if (selection.is_everything() ||
        any_known(known, [&](const SeriesName& one) { return selection.includes(one.id, one.device, one.metric); }))
        return {};
    return Error{ErrorCode::not_found, "no series is what series, device and metric together ask for",
                 "each of them alone fits some"};
}

}  // namespace labhub::coordinator::telemetry
