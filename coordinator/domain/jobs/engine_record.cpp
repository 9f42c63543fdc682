// What is written about a job while it goes its way: notes, tags, what happened beside its transitions.
#include <algorithm>
#include <iterator>

#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "coordinator/domain/jobs/labels.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// A script may note in a loop, and be refused in one.
constexpr std::int64_t kMostNotes = 10'000;
constexpr std::int64_t kMostRemarks = 1'000;

std::string words_of(const std::vector<std::string>& tags) {
    std::string text;
    for (const auto& tag : tags) text += (text.empty() ? "" : ", ") + tag;
    return text.empty() ? "none" : text;
}

std::string change_text(const Labels& before, const Labels& after) {
    std::string text;
    if (before.tags != after.tags) text = "tags: " + words_of(after.tags);
    if (before.note != after.note) text += (text.empty() ? "" : "; ") + std::string("note: ") + after.note;
    return text;
}

Labels changed(Labels labels, LabelChange change) {
    if (change.tags) labels.tags = std::move(*change.tags);
    for (const auto& tag : change.removed) std::erase(labels.tags, tag);
    labels.tags.insert(labels.tags.end(), change.added.begin(), change.added.end());
    if (change.note) labels.note = std::move(*change.note);
    return labels;
}

}  // namespace

/// What else happens to a job, as it happens. Of a kind that comes in floods, the first ones.
Task<Result<void>> Engine::record(JobId id, Event event, std::int64_t most) {
    Entry* self = entry(id);
    if (!self) co_return find(id).error();
    const std::string kind = event.kind;
    if (!self->recorded.contains(kind)) {
        auto counted = co_await parts_.store.count_events(id, kind);
        if (!counted) co_return std::move(counted).error();
        self = entry(id);
        if (!self) co_return find(id).error();
        self->recorded.emplace(kind, *counted);
    }
    std::int64_t& count = self->recorded.at(kind);
    if (count >= most) {
        Error full{ErrorCode::too_many,
                   "experiment '" + id.value + "' has " + std::to_string(most) + " events '" + kind + "' already",
                   "no more are kept"};
        co_return full;
    }
    ++count;
    co_return co_await parts_.store.add_event(std::move(id), std::move(event));
}

Task<Result<void>> Engine::add_note(JobId id, std::string text, std::string who) {
    if (!entry(id)) co_return find(id).error();
    if (text.empty() || text.size() > kLongestNote) {
        Error wrong{ErrorCode::malformed, "a note has 1 to " + std::to_string(kLongestNote) + " bytes",
                    "this one has " + std::to_string(text.size())};
        co_return wrong;
    }
    auto note = happened(event::kNote, std::move(text), std::move(who));
    co_return co_await record(std::move(id), std::move(note), kMostNotes);
}

void Engine::remark(const JobId& id, std::string_view kind, std::string message) {
    auto keep = [](Engine& engine, JobId job, Event event) -> Task<void> {
        (void)co_await engine.record(std::move(job), std::move(event), kMostRemarks);
    };
    tasks_.spawn("remark", keep(*this, id, happened(kind, std::move(message))));
}

Task<Result<Labels>> Engine::set_labels(JobId id, LabelChange change, std::string who) {
    Entry* self = entry(id);
    if (!self) co_return find(id).error();
    const Labels before = self->job.labels;
    auto after = checked_labels(changed(before, std::move(change)));
    if (!after || *after == before) co_return after;
    // At once, so that two who change something at the same time don't undo each other's.
    self->job.labels = *after;
    auto event = happened(event::kLabelled, change_text(before, *after), std::move(who));
    auto stored = co_await parts_.store.set_labels(id, *after, std::move(event));
    if (stored) co_return after;
    self = entry(id);
    if (self && self->job.labels == *after) self->job.labels = before;
    co_return std::move(stored).error();
}

Task<Result<std::vector<Event>>> Engine::events(JobId id, std::int64_t after, std::int64_t limit) {
    if (!entry(id)) co_return find(id).error();
    co_return co_await parts_.store.events(std::move(id), after, limit);
}

/// All there are; a page at a time, as one would hold up other writes.
Task<Result<std::vector<Event>>> Engine::all_events(JobId id) {
    constexpr std::int64_t kPage = 1'000;
    std::vector<Event> all;
    std::int64_t after = 0;
    while (true) {
        auto page = co_await parts_.store.events(id, after, kPage);
        if (!page) co_return page;
        const auto got = static_cast<std::int64_t>(page->size());
        std::move(page->begin(), page->end(), std::back_inserter(all));
        if (!all.empty()) after = all.back().number;
        if (got < kPage) co_return all;
    }
}

/// With the end itself, which is not stored before the results are there.
Task<Result<void>> Engine::write_results(Job job, Event end) {
    auto events = co_await all_events(job.id);
    if (!events) spdlog::error("the events of {} can't be read: {}", job.id.value, events.error().to_string());
    std::vector<Event> told = events ? std::move(*events) : std::vector<Event>{};
    told.push_back(std::move(end));
    co_return co_await parts_.results.write(std::move(job), std::move(told));
}

Task<Result<Submission>> Engine::resubmission(JobId id) {
    const Entry* self = entry(id);
    if (!self) co_return find(id).error();
    if (!is_final(self->job.status)) {
        Error early{ErrorCode::conflict, "experiment '" + id.value + "' has not ended yet",
                    "it is " + std::string(to_string(self->job.status)) + "; submit its script as another one"};
        co_return early;
    }
    auto again = submission_of(self->job);
    auto script = co_await script_of(id);
    if (!script) co_return std::move(script).error();
    again.script = std::move(*script);
    co_return again;
}

Task<Result<std::string>> Engine::script_of(JobId id) { return parts_.store.script_of(std::move(id)); }

}  // namespace labhub::coordinator::jobs
