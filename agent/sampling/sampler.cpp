#include "agent/sampling/sampler.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace labhub::agent::sampling {
namespace {

/// A link is looked at this often even where everything is sampled more rarely.
constexpr std::chrono::milliseconds kLookPeriod{250};

void keep_only(std::vector<Reading>& readings, const std::vector<std::string>& names, std::size_t all) {
    if (names.size() == all) return;
    const std::set<std::string_view> wanted(names.begin(), names.end());
    std::erase_if(readings, [&](const Reading& reading) { return !wanted.contains(reading.metric); });
}

}  // namespace

void Sampler::begin_schedule() {
    const auto unknown = schedule_.begin(device_.metrics(), clock_.steady_now());
    for (const std::string& name : unknown)
        spdlog::warn("{}: the configuration sets a sampling period for '{}', which the device doesn't have",
                     device_.id(), name);
}

Task<void> Sampler::tick() {
    co_await device_.look();
    if (!schedule_.has_begun() && device_.is_connected()) begin_schedule();
    if (!schedule_.has_begun()) co_return;
    const auto due = schedule_.take_due(clock_.steady_now());
    if (due.empty() || !device_.is_connected()) co_return;
    auto readings = co_await device_.driver().read();
    if (readings) {
        keep_only(*readings, due, device_.metrics().size());
        device_.accept(std::move(*readings));
        co_return;
    }
    spdlog::debug("{}: reading failed: {}", device_.id(), readings.error().to_string());
    device_.set_problem(readings.error().message);
    // A link that broke is reported as a whole, by the next look.
    if (device_.driver().is_connected()) device_.accept_failure(due);
}

Task<void> Sampler::run() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (true) {
        co_await tick();
        const auto latest_look = clock_.steady_now() + kLookPeriod;
        timer.expires_at(std::min(schedule_.next(), latest_look));
        const auto [failure] = co_await timer.async_wait(as_result);
        if (failure) co_return;
    }
}

}  // namespace labhub::agent::sampling
