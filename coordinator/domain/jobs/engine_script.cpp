// What a script is looked at for before it is queued.
#include <spdlog/spdlog.h>

#include "coordinator/domain/jobs/engine.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::jobs {
namespace {

/// Images for which a Python waits for the next script.
constexpr std::size_t kMaxScriptChecks = 8;

}  // namespace

std::shared_ptr<ScriptCheck> Engine::script_check(const images::ChosenImage& image) {
    auto& check = script_checks_[image.digest];
    if (check) return check;
    const auto root = parts_.images.root_of(image.digest);
    check =
        std::make_shared<ScriptCheck>(ScriptReader{parts_.images.program(), root.empty() ? "/" : root, image.python});
    auto made = check;
    // Which one goes matters little: it is made anew when it is asked for.
    if (script_checks_.size() > kMaxScriptChecks)
        script_checks_.erase(script_checks_.begin()->second == made ? std::next(script_checks_.begin())
                                                                    : script_checks_.begin());
    return made;
}

/// A courtesy to whoever wrote it: what it really can do, its sandbox decides.
Task<Result<void>> Engine::check_script(images::ChosenImage image, std::string script) {
    auto check = [checker = script_check(image), script = std::move(script)] { return checker->check(script); };
    auto imports = co_await run_blocking(parts_.pool, std::move(check));
    if (!imports) co_return std::move(imports).error();
    if (!image.modules) co_return Result<void>{};
    auto checked = images::check_imports(*imports, *image.modules, image.name);
    if (checked || !image.digest.empty()) co_return checked;
    // Something may have been installed on the host since.
    const bool changed = co_await parts_.images.refresh_host();
    auto again = parts_.images.choose(image.name, images::kAdminRole);
    if (!changed || !again || !again->modules) co_return checked;
    co_return images::check_imports(*imports, *again->modules, image.name);
}

/// Later, as Python's start would take processor time from the sandbox that is being made.
Task<void> Engine::prepare_script_check(images::ChosenImage image, std::chrono::milliseconds later) {
    co_await sleep_for(later);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
    auto prepare = [checker = script_check(image)] { return checker->prepare(), true; };
    co_await run_blocking(parts_.pool, std::move(prepare));
}

std::vector<std::string> Engine::users_of_image(const std::string& digest) const {
    std::vector<std::string> users;
    for (const auto& [id, entry] : jobs_)
        if (entry.job.image_digest == digest && !is_final(entry.job.status)) users.push_back(id.value);
    return users;
}

}  // namespace labhub::coordinator::jobs
