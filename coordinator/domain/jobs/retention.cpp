#include "coordinator/domain/jobs/retention.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

using namespace std::chrono_literals;

/// Whoever has just fetched it may find that it did not arrive.
constexpr std::chrono::milliseconds kAfterDownload = 1h;

constexpr std::array<std::pair<Keep, std::string_view>, 3> kKeepNames{
    {{Keep::usual, "usual"}, {Keep::until_downloaded, "until_downloaded"}, {Keep::pinned, "pinned"}}};

UtcMillis end_of(const Job& job) { return job.ended.value_or(job.created); }

std::string bytes_text(std::int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::string_view to_string(Keep keep) {
    for (const auto& [known, name] : kKeepNames)
        if (known == keep) return name;
    return "usual";
}

Result<Keep> keep_from(std::string_view name) {
    for (const auto& [keep, known] : kKeepNames)
        if (known == name) return keep;
    return Error{ErrorCode::malformed, "'keep' is '" + printable(name, 64) + "'", "usual, until_downloaded or pinned"};
}

bool has_result(const Job& job) { return is_final(job.status) && !job.result.removed; }

bool awaits_download(const Job& job, const RetentionRules& rules) {
    return !job.result.downloaded && (rules.keep_until_downloaded || job.result.keep == Keep::until_downloaded);
}

Outlook outlook(const Job& job, const RetentionRules& rules) {
    if (job.result.removed) return {std::nullopt, "was removed: " + job.result.removed_because};
    if (!is_final(job.status)) return {std::nullopt, "has not ended yet"};
    if (job.result.keep == Keep::pinned) return {std::nullopt, "is pinned"};
    const bool is_completed = job.status == Status::completed;
    const auto age = is_completed ? rules.keep_completed : rules.keep_failed;
    if (age <= 0ms) return {std::nullopt, "is kept for ever"};
    const std::string rule =
        std::string(is_completed ? "results.keep_completed" : "results.keep_failed") + " is " + format_duration(age);
    if (awaits_download(job, rules)) return {std::nullopt, "is kept until it is downloaded, then " + rule};
    UtcMillis goes = end_of(job) + age;
    if (job.result.downloaded) goes = std::max(goes, *job.result.downloaded + kAfterDownload);
    return {goes, rule};
}

std::vector<Removal> due_by_age(const std::vector<const Job*>& jobs, const RetentionRules& rules, UtcMillis now) {
    std::vector<const Job*> old;
    for (const Job* job : jobs)
        if (const auto goes = outlook(*job, rules).goes; goes && *goes <= now) old.push_back(job);
    std::sort(old.begin(), old.end(), [](const Job* a, const Job* b) { return end_of(*a) < end_of(*b); });
    std::vector<Removal> due;
    for (const Job* job : old) due.push_back({job->id, outlook(*job, rules).why});
    return due;
}

std::string shortage(const Room& room, const RetentionRules& rules) {
    if (rules.min_free > 0 && room.free < rules.min_free)
        return "only " + bytes_text(room.free) + " of the disk were free, and results.min_free is " +
               bytes_text(rules.min_free);
    if (rules.max_bytes > 0 && room.total > rules.max_bytes)
        return "all results had " + bytes_text(room.total) + ", and results.max_bytes is " +
               bytes_text(rules.max_bytes);
    return {};
}

std::optional<JobId> next_for_room(const std::vector<const Job*>& jobs) {
    const auto turn = [](const Job& job) {
        return std::tuple(!job.result.downloaded.has_value(), end_of(job), job.id.value);
    };
    const Job* first = nullptr;
    for (const Job* job : jobs) {
        if (!has_result(*job) || job->result.keep == Keep::pinned) continue;
        if (!first || turn(*job) < turn(*first)) first = job;
    }
    return first ? std::optional(first->id) : std::nullopt;
}

}  // namespace labhub::coordinator::jobs
