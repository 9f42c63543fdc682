#include "coordinator/domain/images/images.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/images/image_folder.hpp"
#include "shared/base/ids.hpp"
#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRoles = 32;

std::string join(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

}  // namespace

Images::Images(asio::any_io_executor executor, ImageSettings settings, Parts parts)
    : users([](const std::string&) { return std::vector<std::string>{}; }),
      on_default_changed([] {}),
      executor_(executor),
      settings_(std::move(settings)),
      parts_(parts),
      tasks_(executor) {
    host_.stored.name = kHostImage;
    host_.source = "this host's own /usr";
    host_.python = "/usr/bin/python3";
}

Task<Result<void>> Images::start() {
    auto stored = co_await parts_.store.load();
    if (!stored) co_return std::move(stored).error();
    auto roles = co_await parts_.store.load_roles();
    if (!roles) co_return std::move(roles).error();
    for (auto& each : *stored) add(std::move(each));
    for (auto& each : *roles) roles_[each.name] = std::move(each.roles);
    decide_current();
    clear_unfinished(settings_.folder);
    tasks_.spawn("host modules", look_at_host());
    tasks_.spawn("image check", check_all());
    co_return Result<void>{};
}

Task<void> Images::stop() {
    if (const auto running = running_.lock()) running->kill();
    co_await tasks_.stop();
}

void Images::add(StoredImage stored) {
    Image image;
    const auto manifest = read_manifest(image_folder(settings_.folder, stored.digest) / "manifest.json");
    if (manifest) {
        image.source = manifest->source;
        image.python = manifest->python;
        image.version = manifest->version;
        image.packages = manifest->packages;
        image.modules = std::make_shared<const std::vector<std::string>>(with_ours(manifest->modules));
        image.files = manifest->files;
        image.bytes = manifest->bytes;
        image.made = manifest->made;
    } else {
        image.damage = manifest.error().to_string();
        spdlog::error("image {} can't be used: {}", stored.name, image.damage);
    }
    Key key{stored.digest, stored.name};
    image.stored = std::move(stored);
    images_.insert_or_assign(std::move(key), std::move(image));
}

void Images::decide_current() {
    std::map<std::string, Image*> newest;
    for (auto& [key, image] : images_) {
        image.is_current = false;
        Image*& best = newest[image.stored.name];
        if (!best || best->stored.taken < image.stored.taken) best = &image;
    }
    for (auto& [name, image] : newest) image->is_current = true;
}

Image* Images::by_digest(const std::string& digest) {
    for (auto& [key, image] : images_)
        if (key.first == digest) return &image;
    return nullptr;
}

std::vector<const Image*> Images::list() const {
    std::vector<const Image*> all;
    for (const auto& [key, image] : images_) all.push_back(&image);
    std::sort(all.begin(), all.end(), [](const Image* a, const Image* b) {
        return std::tie(a->stored.name, b->stored.taken) < std::tie(b->stored.name, a->stored.taken);
    });
    all.insert(all.begin(), &host_);
    return all;
}

Result<const Image*> Images::find(const std::string& name) const {
    if (name == kHostImage) return &host_;
    for (const auto& [key, image] : images_)
        if (image.is_current && image.stored.name == name) return &image;
    std::vector<std::string> names;
    for (const Image* image : list())
        if (image->is_current) names.push_back(image->stored.name);
    std::error_code none;
    const bool can_be_built =
        check_name("image", name).has_value() && fs::exists(settings_.declarations / name / "image.toml", none);
    return Error{ErrorCode::not_found, "no image '" + name.substr(0, 64) + "'",
                 can_be_built ? "`labhub images build " + name + "` makes it" : "there are: " + join(names)};
}

std::vector<std::string> Images::roles_of(const std::string& name) const {
    const auto found = roles_.find(name);
    return found == roles_.end() ? std::vector<std::string>{} : found->second;
}

Result<ChosenImage> Images::choose(const std::optional<std::string>& wanted, std::string_view role) const {
    const std::string name = wanted.value_or(settings_.default_image);
    LABHUB_TRY(const Image* image, find(name));
    const auto roles = roles_of(name);
    if (!may_use(roles, role))
        return Error{ErrorCode::forbidden, "the image '" + name + "' is not for the role '" + std::string(role) + "'",
                     "it is for: " + join(roles)};
    if (!image->damage.empty())
        return Error{ErrorCode::corrupt, "the image '" + name + "' can't be used: " + image->damage};
    return ChosenImage{name, image->stored.digest, image->python, image->modules};
}

fs::path Images::root_of(const std::string& digest) const {
    return digest.empty() ? fs::path{} : image_root(settings_.folder, digest);
}

void Images::note_damage(const std::string& digest, const Error& error) {
    spdlog::error("image {}: {}", digest.substr(0, 12), error.to_string());
    for (auto& [key, image] : images_)
        if (key.first == digest) image.damage = error.to_string();
}

Task<Result<void>> Images::check_before_use(std::string digest) {
    if (digest.empty()) co_return Result<void>{};
    const Image* const image = by_digest(digest);
    if (!image) {
        Error gone{ErrorCode::not_found, "the image " + digest.substr(0, 12) + " has been removed"};
        co_return gone;
    }
    auto look = [folder = settings_.folder, digest, sum = image->stored.manifest_sum] {
        return check_quickly(folder, digest, sum);
    };
    auto checked = co_await run_blocking(parts_.pool, std::move(look));
    if (!checked) note_damage(digest, checked.error());
    co_return checked;
}

Task<Result<void>> Images::verify(std::string name) {
    auto found = find(name);
    if (!found) co_return std::move(found).error();
    const std::string digest = (*found)->stored.digest;
    if (digest.empty()) co_return Result<void>{};
    auto started = ImageProgram::start(executor_, settings_.program, {"verify", settings_.folder.string(), digest});
    if (!started) co_return std::move(started).error();
    auto following = ImageProgram::follow(
        std::move(*started), [](const std::string&) {}, std::chrono::minutes{30});
    auto verified = co_await std::move(following);
    if (verified) {
        for (auto& [key, image] : images_)
            if (key.first == digest) image.damage.clear();
        co_return Result<void>{};
    }
    if (verified.error().code == ErrorCode::corrupt || verified.error().code == ErrorCode::not_found)
        note_damage(digest, verified.error());
    co_return std::move(verified).error();
}

/// What happened to them while nobody looked: once, after the start.
Task<void> Images::check_all() {
    std::vector<std::string> names;
    for (const auto& [key, image] : images_)
        if (image.is_current) names.push_back(key.second);
    for (const auto& name : names) {
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        co_await verify(name);
    }
}

Task<Result<void>> Images::set_roles(std::string name, std::vector<std::string> roles) {
    auto found = find(name);
    if (!found) co_return std::move(found).error();
    std::sort(roles.begin(), roles.end());
    roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
    if (roles.size() > kMaxRoles) {
        Error many{ErrorCode::too_many, "an image has at most 32 roles"};
        co_return many;
    }
    for (const auto& role : roles)
        if (auto checked = check_name("role", role); !checked) co_return std::move(checked).error();
    StoredRoles stored{name, roles};
    auto put = co_await parts_.store.set_roles(std::move(stored));
    if (put) roles_[name] = std::move(roles);
    co_return put;
}

}  // namespace labhub::coordinator::images
