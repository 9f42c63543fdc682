// How images come and go.
#include <spdlog/spdlog.h>

#include "coordinator/domain/images/images.hpp"
#include "coordinator/images/image_folder.hpp"
#include "shared/base/ids.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptLines = 50;
constexpr std::chrono::hours kWorkLimit{3};

std::string join(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

Result<void> check_new_name(const std::string& name) {
    LABHUB_CHECK(check_name("image", name));
    if (name == kHostImage) return Error{ErrorCode::conflict, "'host' is this host's own /usr", "choose another name"};
    return {};
}

}  // namespace

Result<void> Images::build(const std::string& name, const std::string& who) {
    LABHUB_CHECK(check_new_name(name));
    const fs::path declaration = settings_.declarations / name / "image.toml";
    std::error_code none;
    if (!fs::exists(declaration, none))
        return Error{ErrorCode::not_found, "there is no declaration of an image '" + name + "'",
                     "write " + declaration.string()};
    Work work;
    work.kind = "build";
    work.name = name;
    work.made_by = who;
    return begin(std::move(work), {"build", settings_.folder.string(), declaration.string()});
}

Result<void> Images::import(const std::string& name, const fs::path& from, const std::string& who) {
    LABHUB_CHECK(check_new_name(name));
    if (!from.is_absolute())
        return Error{ErrorCode::malformed, "'" + from.string().substr(0, 200) + "' is no absolute path",
                     "the whole path of the image on the hub's machine"};
    Work work;
    work.kind = "import";
    work.name = name;
    work.made_by = who;
    return begin(std::move(work), {"import", settings_.folder.string(), name, from.string()});
}

Result<void> Images::begin(Work work, std::vector<std::string> arguments) {
    if (work_ && work_->state == "running")
        return Error{ErrorCode::conflict, "the image '" + work_->name + "' is being made",
                     "wait for it, or cancel it with `labhub images cancel " + work_->name + "`"};
    LABHUB_TRY(auto program, ImageProgram::start(executor_, settings_.program, std::move(arguments)));
    work.state = "running";
    work.started = parts_.clock.utc_now();
    work_ = std::move(work);
    is_cancelled_ = false;
    running_ = program;
    spdlog::info("image {}: {} begun by {}", work_->name, work_->kind, work_->made_by);
    tasks_.spawn("image " + work_->kind, follow(std::move(program)));
    return {};
}

Result<void> Images::cancel(const std::string& name) {
    const auto running = running_.lock();
    if (!running || !work_ || work_->state != "running" || work_->name != name)
        return Error{ErrorCode::conflict, "no image '" + name.substr(0, 64) + "' is being made"};
    is_cancelled_ = true;
    running->kill();
    return {};
}

Task<void> Images::follow(std::shared_ptr<ImageProgram> program) {
    ImageProgram::Progress progress = [this](std::string line) {
        work_->lines.push_back(std::move(line));
        if (work_->lines.size() > kKeptLines) work_->lines.pop_front();
    };
    auto following = ImageProgram::follow(std::move(program), std::move(progress), kWorkLimit);
    auto made = co_await std::move(following);
    Result<void> taken;
    if (made) {
        const auto* const digest = made->if_contains("digest");
        work_->digest = digest && digest->is_string() ? std::string(digest->get_string()) : std::string{};
        auto taking = take(work_->digest);
        taken = co_await std::move(taking);
    } else {
        taken = std::move(made).error();
    }
    work_->ended = parts_.clock.utc_now();
    if (taken) {
        work_->state = "done";
        spdlog::info("image {} is {} now", work_->name, work_->digest.substr(0, 12));
        co_return;
    }
    auto clear = [folder = settings_.folder] { return clear_unfinished(folder), true; };
    co_await run_blocking(parts_.pool, std::move(clear));
    work_->state = is_cancelled_ ? "cancelled" : "failed";
    if (!is_cancelled_) work_->error = taken.error();
    spdlog::warn("image {}: {} {}: {}", work_->name, work_->kind, work_->state, taken.error().to_string());
}

/// What has been made becomes what its name stands for.
Task<Result<void>> Images::take(std::string digest) {
    auto summing = [folder = settings_.folder, digest] { return manifest_sum(folder, digest); };
    auto sum = co_await run_blocking(parts_.pool, std::move(summing));
    if (!sum) co_return std::move(sum).error();
    StoredImage stored{digest, work_->name, std::move(*sum), work_->made_by, parts_.clock.utc_now()};
    auto put = co_await parts_.store.put(stored);
    if (!put) co_return put;
    const std::string name = stored.name;
    add(std::move(stored));
    decide_current();
    tell_if_default(name);
    co_return Result<void>{};
}

void Images::tell_if_default(const std::string& name) {
    if (name == settings_.default_image) on_default_changed();
}

Task<Result<void>> Images::remove(std::string name) {
    auto found = find(name);
    if (!found) co_return std::move(found).error();
    if (name == kHostImage) {
        Error host{ErrorCode::conflict, "'host' is this host's own /usr, and stays"};
        co_return host;
    }
    std::vector<Key> keys;
    std::vector<std::string> named;
    for (const auto& [key, image] : images_) {
        if (key.second != name) continue;
        keys.push_back(key);
        for (auto& job : users(key.first)) named.push_back(std::move(job));
    }
    if (!named.empty()) {
        Error busy{ErrorCode::conflict, "the image '" + name + "' is named by experiments that have not ended",
                   "wait for, or stop: " + join(named)};
        co_return busy;
    }
    for (const auto& key : keys) {
        auto dropped = co_await drop(key);
        if (!dropped) co_return dropped;
    }
    StoredRoles nobody{name, {}};
    auto cleared = co_await parts_.store.set_roles(std::move(nobody));
    roles_.erase(name);
    tell_if_default(name);
    co_return cleared;
}

/// The name first: an experiment that comes meanwhile does not get it.
Task<Result<void>> Images::drop(Key key) {
    images_.erase(key);
    decide_current();
    auto removed = co_await parts_.store.remove(key.first, key.second);
    if (!removed) co_return removed;
    spdlog::info("image {} ({}) is removed", key.second, key.first.substr(0, 12));
    if (by_digest(key.first)) co_return Result<void>{};  // another name stands for it
    auto remove = [folder = settings_.folder, digest = key.first] { return remove_image(folder, digest); };
    co_return co_await run_blocking(parts_.pool, std::move(remove));
}

Task<void> Images::reconcile() {
    const bool changed = co_await refresh_host();
    if (changed) spdlog::debug("the host's Python packages have changed");
    std::vector<Key> old;
    for (const auto& [key, image] : images_) {
        if (image.is_current || !users(key.first).empty()) continue;
        // The grace counts from when something newer took its name.
        const auto newer = find(key.second);
        if (newer && (*newer)->stored.taken + settings_.grace < parts_.clock.utc_now()) old.push_back(key);
    }
    for (const auto& key : old) {
        auto dropped = co_await drop(key);
        if (!dropped) spdlog::warn("image {} is not removed: {}", key.second, dropped.error().to_string());
    }
}

}  // namespace labhub::coordinator::images
