// The end of a dry run: the last look at the vessel, and what is left of it all.
#include <algorithm>
#include <filesystem>

#include <spdlog/spdlog.h>

#include "coordinator/dry_run/dry_run.hpp"
#include "coordinator/dry_run/series.hpp"
#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::dry_run {
namespace {

using dry_runs::Finding;
using dry_runs::Severity;

constexpr std::int64_t kMostAlarms = 1'000;
constexpr std::chrono::milliseconds kTurnPause{10};
constexpr std::int64_t kMostNotes = 1'000;
constexpr const char* kReportName = "dry-run.json";

std::string follows(alarms::Reaction reaction) {
    switch (reaction) {
        case alarms::Reaction::log: return "it would be noted";
        case alarms::Reaction::notify: return "people would be told";
        case alarms::Reaction::pause: return "its commands would be paused until a person has seen it";
        case alarms::Reaction::stop: return "the device would be made safe and the experiment stopped";
    }
    return {};
}

api::DryRunFinding shown(const Finding& finding, UtcMillis start) {
    api::DryRunFinding shown;
    shown.severity = to_string(finding.severity);
    shown.kind = finding.kind;
    shown.subject = finding.subject;
    shown.message = finding.message;
    shown.advice = finding.advice;
    if (finding.line > 0) shown.line = finding.line;
    shown.at_s = static_cast<double>((finding.time - start).count()) / 1000;
    shown.time = finding.time.count;
    shown.value = finding.value;
    shown.limit = finding.limit;
    shown.times = finding.times;
    return shown;
}

api::DryRunNote note_of(const jobs::Event& event, UtcMillis start) {
    return {static_cast<double>((event.time - start).count()) / 1000, event.time.count, event.message};
}

std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

Task<void> DryRun::add_alarms() {
    // What is on its way to the history is there after this.
    co_await hub_->alarms.stop();
    store::AlarmHistoryQuery query;
    query.limit = kMostAlarms;
    const auto events = co_await hub_->alarms.history(std::move(query));
    if (!events) co_return;
    for (auto event = events->rbegin(); event != events->rend(); ++event) {
        if (event->kind != alarms::EventKind::raised && event->kind != alarms::EventKind::severity_changed) continue;
        const auto rule = hub_->alarms.rule(event->rule);
        const auto reaction = rule ? (*rule)->reaction : alarms::Reaction::notify;
        const bool is_grave = event->severity >= alarms::Severity::major || reaction == alarms::Reaction::stop;
        findings_.alarm(event->time, event->metric, event->message, follows(reaction),
                        is_grave ? Severity::error : Severity::warning);
    }
}

void DryRun::note_left_on() {
    const auto device = hub_->fleet.device(plan_.job.device);
    if (!device) return;
    for (const MetricInfo& metric : plan_.metrics) {
        const auto latest = (*device)->latest.find(metric.name);
        if (metric.kind != MetricKind::actuator || latest == (*device)->latest.end()) continue;
        const auto now = as_number(latest->second.value), safe = as_number(metric.safe_value);
        const bool is_safe = now && safe ? *now == *safe : latest->second.value == metric.safe_value;
        if (!is_safe) findings_.left_on(clock_.utc_now(), metric, latest->second.value);
    }
}

void DryRun::add_end(const jobs::Ending& ending) {
    const auto& limits = *plan_.job.dry_run;
    Finding finding{Severity::error, "time_limit", "script", clock_.utc_now()};
    if (over_ && over_->reason == jobs::reason::kTimeLimit) {
        finding.message = "the script still runs at its time limit of " + format_duration(limits.time_limit) +
                          ", where it is stopped";
        finding.advice = "give it a longer time limit, or let it end before";
    } else if (over_ && over_->reason == jobs::reason::kAtMost) {
        finding.severity = Severity::note;
        finding.kind = "at_most";
        finding.message = "the script goes on after the " + format_duration(limits.limit) + " that were looked at";
    } else if (elapsed() > limits.time_limit) {
        finding.severity = limits.has_time_limit ? Severity::error : Severity::warning;
        finding.time = plan_.start + limits.time_limit;
        finding.message = "the script takes longer than its time limit of " + format_duration(limits.time_limit) +
                          ", where it is stopped";
        finding.advice = "run it with a time limit of more than " + dry_runs::moment_text(elapsed());
    } else if (!over_ && ending.reason == jobs::reason::kTimeLimit) {
        finding.kind = "too_slow";
        finding.message = "the dry run took longer than the " + format_duration(plan_.job.limits.time) +
                          " of real time it may, and came to " + dry_runs::moment_text(elapsed());
        finding.advice = "let the script wait by time.sleep or labhub, whose waits take no real time";
    } else if (!over_ && ending.reason != jobs::reason::kUser &&
               (ending.signal != 0 || ending.exit_code.value_or(0) != 0)) {
        finding.kind = "exit_status";
        finding.message = !ending.message.empty()
                              ? "the script ends early: " + ending.message
                              : "the script ends with exit status " + std::to_string(ending.exit_code.value_or(-1));
        // Of the exception that is told already.
        if (ending.signal == 0 && ending.exit_code.value_or(0) == 1 && ending.reason.empty())
            finding.severity = Severity::note;
    } else {
        return;
    }
    findings_.add(std::move(finding));
}

api::DryRunReport DryRun::report(const jobs::Ending& ending) const {
    api::DryRunReport report;
    report.experiment_id = plan_.job.id.value;
    report.device = plan_.job.device.to_string();
    if (over_)
        report.outcome = over_->message;
    else if (ending.exit_code.value_or(-1) == 0 && ending.signal == 0)
        report.outcome = "the script came to its end";
    else
        report.outcome = ending.message.empty() ? "the script ended early" : ending.message;
    report.began_at = plan_.start.count;
    report.ended_at = clock_.utc_now().count;
    report.duration_s = std::chrono::duration<double>(elapsed()).count();
    report.took_s = std::chrono::duration<double>(Steady::now() - began_).count();
    report.errors = static_cast<std::int64_t>(findings_.count(Severity::error));
    report.warnings = static_cast<std::int64_t>(findings_.count(Severity::warning));
    report.samples = samples_;
    report.commands = commands_;
    for (const Finding& finding : findings_.list()) report.findings.push_back(shown(finding, plan_.start));
    for (const auto& [metric, use] : findings_.actuators()) {
        const auto info = find_metric(plan_.metrics, metric);
        report.actuators.push_back(
            {metric, info ? (*info)->unit : std::string{}, use.commands, use.refused, use.least, use.most, use.last});
    }
    report.vials = vials_of(states_);
    report.series = series_of(states_, findings_, plan_.metrics, clock_.utc_now());
    report.assumptions.assign(about_.assumptions().begin(), about_.assumptions().end());
    report.not_simulated.assign(about_.not_simulated().begin(), about_.not_simulated().end());
    return report;
}

Task<Result<void>> DryRun::write_files(jobs::Ending ending) {
    jobs::Job job = plan_.job;
    job.started = plan_.start;
    job.ended = clock_.utc_now();
    auto written = co_await hub_->results.write_measured(job);
    auto described = report(ending);
    const auto events = co_await hub_->jobs.events(job.id, 0, kMostNotes);
    if (events)
        for (const auto& event : *events)
            if (event.kind == jobs::event::kNote) described.notes.push_back(note_of(event, plan_.start));
    auto store = [path = hub_->results.folder_of(job.id) / kReportName, text = to_pretty_json(api::encode(described))] {
        return write_file(path, text);
    };
    auto stored = co_await run_blocking(shared_.pool, std::move(store));
    co_return written ? stored : written;
}

/// However many requests of the script wait: from now on each is answered as soon as it has its turn.
Task<Turn::Held> DryRun::last_turn(std::shared_ptr<DryRun> self) {
    self->is_ending_ = true;  // whoever lets years pass stops there
    for (;;) {
        auto held = co_await self->turn_.take();
        if (held) co_return std::move(*held);
        co_await sleep_for(kTurnPause);
    }
}

Task<Result<jobs::DryRunEnd>> DryRun::finish(std::shared_ptr<DryRun> self, jobs::Ending ending) {
    const auto held = co_await last_turn(self);
    jobs::DryRunEnd end;
    Result<void> written;
    if (self->is_ready_) {
        self->note_left_on();
        co_await self->store_readings();
        co_await self->add_alarms();
        self->add_end(ending);
        written = co_await self->write_files(ending);
    }
    co_await self->close();
    end.ended = self->clock_.utc_now();
    end.errors = self->findings_.count(Severity::error);
    end.warnings = self->findings_.count(Severity::warning);
    end.message = end.errors + end.warnings == 0
                      ? "nothing wrong was found in " + dry_runs::moment_text(self->elapsed())
                      : counted(end.errors, "error") + " and " + counted(end.warnings, "warning") + " were found in " +
                            dry_runs::moment_text(self->elapsed());
    if (!written) co_return written.error();
    co_return end;
}

Task<void> DryRun::abandon(std::shared_ptr<DryRun> self) {
    const auto held = co_await last_turn(self);
    co_await self->close();
}

Task<void> DryRun::close() {
    is_ready_ = false;
    if (hub_) co_await hub_->stop();
    twin_.reset();
    auto remove = [hub = std::exchange(hub_, nullptr), scratch = plan_.scratch]() mutable {
        hub.reset();
        std::error_code ignored;
        std::filesystem::remove_all(scratch, ignored);
        return true;
    };
    co_await run_blocking(shared_.pool, std::move(remove));
}

}  // namespace labhub::coordinator::dry_run
