#include "coordinator/dry_run/dry_runs.hpp"

#include <algorithm>
#include <charconv>

#include <spdlog/spdlog.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include "coordinator/runner/job_spec.hpp"

namespace labhub::coordinator::dry_run {
namespace {

constexpr std::string_view kJobListener = "job:";
constexpr std::chrono::milliseconds kUsualPeriod{1'000}, kFastest{50}, kSlowest{600'000};

/// How often the device is sampled, by what came of late.
std::chrono::milliseconds period_of(const fleet::Device& device) {
    const auto samples = device.recent.after(UtcMillis{}, fleet::Fleet::kRecentSamples);
    std::vector<std::chrono::milliseconds> steps;
    for (std::size_t i = 1; i < samples.size(); ++i) steps.push_back(samples[i].time - samples[i - 1].time);
    if (steps.size() < 3) return kUsualPeriod;
    std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
    const auto middle = std::clamp(steps[steps.size() / 2], kFastest, kSlowest);
    // What the clock on the wall makes of 1 s is 998 to 1003 ms.
    const std::chrono::milliseconds grain =
        middle.count() > 200 ? std::chrono::milliseconds{50} : std::chrono::milliseconds{10};
    return std::max(grain, (middle + grain / 2) / grain * grain);
}

/// The time the script was told that it begins at; now, where that can't be had.
UtcMillis start_of(const std::filesystem::path& job_folder, const Clock& clock) {
    const auto spec = runner::read_job_spec(job_folder);
    std::int64_t start = 0;
    if (spec)
        if (const auto told = spec->environment.find("LABHUB_DRY_RUN_START"); told != spec->environment.end())
            std::from_chars(told->second.data(), told->second.data() + told->second.size(), start);
    return start > 0 ? UtcMillis{start} : clock.utc_now();
}

void empty_folder(const std::filesystem::path& folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
}

http::ServerLimits server_limits() {
    http::ServerLimits limits;
    // A script may think for long between two requests.
    limits.idle_time = std::chrono::hours{1};
    return limits;
}

}  // namespace

DryRuns::DryRuns(asio::any_io_executor main, Settings settings, Hub hub)
    : main_(std::move(main)),
      settings_(std::move(settings)),
      hub_(std::move(hub)),
      courier_(notify::Courier::start()),
      work_(asio::make_work_guard(context_)),
      server_(context_.get_executor(), server_limits(),
              [this](http::Request request) { return handle(std::move(request)); }) {
    empty_folder(settings_.scratch);
    thread_ = std::thread([this] { context_.run(); });
}

DryRuns::~DryRuns() { join(); }

Task<void> DryRuns::stop() {
    auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    co_await asio::co_spawn(context_, abandon_all(), std::move(uncancelled));
    join();
}

Task<void> DryRuns::abandon_all() {
    co_await server_.stop();
    for (const auto& [job, run] : std::exchange(runs_, {})) co_await DryRun::abandon(run);
}

void DryRuns::join() {
    if (!thread_.joinable()) return;
    context_.stop();
    thread_.join();
    pool_.join();
    runs_.clear();
    if (courier_) (*courier_)->stop();
}

Result<void> DryRuns::check(const DeviceAddress& address) const {
    if (settings_.twin.empty())
        return Error{ErrorCode::unavailable, "this hub has no simulated devices",
                     "labhub-twin belongs beside labhub-coordinator"};
    if (!courier_) return courier_.error();
    LABHUB_TRY(const fleet::Device* const device, hub_.fleet.device(address));
    if (device->metrics.empty())
        return Error{ErrorCode::unavailable, "device " + address.to_string() + " has not announced its metrics yet",
                     "a twin is made like the device as it was last seen"};
    return {};
}

Plan DryRuns::plan_of(const jobs::Job& job) const {
    Plan plan;
    plan.job = job;
    plan.start = start_of(settings_.experiments / job.id.value, hub_.clock);
    if (const auto device = hub_.fleet.device(job.device)) {
        plan.metrics = (*device)->metrics;
        for (const auto& [metric, reading] : (*device)->latest) plan.readings.push_back(reading);
        plan.period = period_of(**device);
    }
    plan.alarms.delay = hub_.alarms.settings().delay;
    plan.alarms.no_data = hub_.alarms.settings().no_data;
    for (const alarms::Rule* rule : hub_.alarms.rules())
        if (rule->is_for(job.device) && !rule->set_by.starts_with(kJobListener)) plan.alarms.rules.push_back(*rule);
    plan.scratch = settings_.scratch / job.id.value;
    plan.experiments = settings_.experiments;
    plan.twin = settings_.twin;
    return plan;
}

Result<void> DryRuns::open(const jobs::Job& job, UniqueFd listener) {
    if (is_open(job.id)) return {};
    LABHUB_CHECK(check(job.device));
    auto progress = std::make_shared<Progress>();
    progress_[job.id] = progress;
    auto tell_over = [this, id = job.id](std::string_view reason, std::string message) {
        asio::post(main_,
                   [this, id, why = std::string(reason), text = std::move(message)] { hub_.stop_job(id, why, text); });
    };
    Plan plan = plan_of(job);
    progress->start_ms = plan.start.count;
    progress->now_ms = plan.start.count;
    auto run = std::make_shared<DryRun>(DryRun::Shared{context_.get_executor(), pool_, **courier_}, std::move(plan),
                                        progress, std::move(tell_over));
    asio::co_spawn(context_, begin(job.id, std::move(run), std::move(listener)), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    return {};
}

Task<void> DryRuns::begin(JobId job, std::shared_ptr<DryRun> run, UniqueFd listener) {
    runs_[job] = run;
    auto beginning = DryRun::begin(run);
    // The listener first, though its requests wait: a script that finds nobody is one that fails.
    auto adopted = server_.adopt(std::move(listener), std::string(kJobListener) + job.value);
    if (!adopted) spdlog::error("the API of dry run {} can't be served: {}", job.value, adopted.error().to_string());
    co_await std::move(beginning);
}

Task<http::Response> DryRuns::handle(http::Request request) {
    const auto found = runs_.find(JobId{request.listener.substr(kJobListener.size())});
    if (found == runs_.end()) {
        const Error gone{ErrorCode::unavailable, "this dry run has ended"};
        co_return http::error_response(gone);
    }
    auto handling = DryRun::handle(found->second, std::move(request));
    co_return co_await std::move(handling);
}

Task<Result<jobs::DryRunEnd>> DryRuns::finish(JobId job, jobs::Ending ending) {
    if (!is_open(job)) {
        Error unknown{ErrorCode::unavailable, "the coordinator was started anew during the dry run",
                      "its twin went with the one before: start it again"};
        co_return unknown;
    }
    // The thread that ends it must not be reached by the caller's cancellation.
    auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    auto ended = co_await asio::co_spawn(context_, end(job, std::move(ending)), std::move(uncancelled));
    progress_.erase(job);
    co_return ended;
}

Task<Result<jobs::DryRunEnd>> DryRuns::end(JobId job, jobs::Ending ending) {
    server_.close_listener(std::string(kJobListener) + job.value);
    const auto found = runs_.find(job);
    if (found == runs_.end()) {
        Error unknown{ErrorCode::internal, "the dry run is not there"};
        co_return unknown;
    }
    const std::shared_ptr<DryRun> run = found->second;
    auto finishing = DryRun::finish(run, std::move(ending));
    auto ended = co_await std::move(finishing);
    runs_.erase(job);
    co_return ended;
}

std::optional<jobs::DryRunProgress> DryRuns::progress(const JobId& job) const {
    const auto found = progress_.find(job);
    if (found == progress_.end()) return std::nullopt;
    const Progress& now = *found->second;
    return jobs::DryRunProgress{std::chrono::milliseconds{now.now_ms - now.start_ms}, now.commands, now.errors};
}

}  // namespace labhub::coordinator::dry_run
