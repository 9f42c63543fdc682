// What scripts can import on the host itself.
#include <sys/stat.h>

#include <algorithm>

#include <spdlog/spdlog.h>

#include "coordinator/domain/images/images.hpp"
#include "coordinator/images/manifest.hpp"
#include "shared/base/files.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kModulesLimit{90};
/// In the folder of the images, in a manifest's form; its source is the mark of what it was found in.
constexpr const char* kHostFile = "host.json";

}  // namespace

std::vector<std::string> Images::with_ours(std::vector<std::string> modules) const {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(settings_.python, none)) {
        const fs::path& path = entry.path();
        const bool is_module = entry.is_directory(none) ? path.stem() != "__pycache__" : path.extension() == ".py";
        if (is_module) modules.push_back(path.stem());
    }
    std::sort(modules.begin(), modules.end());
    return modules;
}

/// Changes when something is installed or removed.
std::string Images::host_mark() const {
    std::string mark;
    std::error_code none;
    for (const fs::path base : {"/usr/lib", "/usr/local/lib"})
        for (const auto& entry : fs::directory_iterator(base, none)) {
            if (!entry.path().filename().string().starts_with("python3")) continue;
            for (const fs::path folder : {entry.path(), entry.path() / "dist-packages"}) {
                struct stat facts {};
                if (::stat(folder.c_str(), &facts) == 0)
                    mark += folder.string() + std::to_string(facts.st_mtim.tv_sec) + "." +
                            std::to_string(facts.st_mtim.tv_nsec) + " ";
            }
        }
    return mark;
}

Task<bool> Images::refresh_host() {
    if (host_mark() == host_mark_) co_return false;
    co_await look_at_host();
    co_return true;
}

/// What was found before the last restart, if nothing was installed or removed since.
bool Images::recall_host(const std::string& mark) {
    const auto kept = read_manifest(settings_.folder / kHostFile);
    if (!kept || kept->source != mark) return false;
    host_.modules = std::make_shared<const std::vector<std::string>>(with_ours(kept->modules));
    host_.version = kept->version;
    host_mark_ = mark;
    return true;
}

void Images::learn_host(const std::string& mark, const boost::json::object& answer) {
    const auto* const modules = answer.if_contains("modules");
    const auto* const version = answer.if_contains("version");
    if (!modules || !version || !version->is_string()) return;
    auto names = boost::json::try_value_to<std::vector<std::string>>(*modules);
    if (!names) return;
    host_.version = version->get_string();
    host_.modules = std::make_shared<const std::vector<std::string>>(with_ours(*names));
    Manifest kept;
    kept.name = kHostImage;
    kept.source = mark;
    kept.python = host_.python;
    kept.version = host_.version;
    kept.modules = std::move(*names);
    auto written = make_folder(settings_.folder, 0700);
    if (written) written = write_manifest(settings_.folder / kHostFile, kept);
    if (!written) spdlog::warn("what the host has is not kept: {}", written.error().to_string());
}

/// Without an answer scripts for the host are not checked for what they import.
Task<void> Images::look_at_host() {
    const std::string mark = host_mark();
    if (recall_host(mark)) co_return;
    std::vector<std::string> arguments{"modules", "/"};
    auto started = ImageProgram::start(executor_, settings_.program, std::move(arguments));
    if (!started) {
        spdlog::warn("what scripts can import on this host is not known: {}", started.error().to_string());
        co_return;
    }
    auto following = ImageProgram::follow(
        std::move(*started), [](const std::string&) {}, kModulesLimit);
    auto answer = co_await std::move(following);
    host_mark_ = mark;
    if (answer) {
        learn_host(mark, *answer);
        co_return;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none)
        spdlog::warn("what scripts can import on this host is not known: {}", answer.error().to_string());
}

}  // namespace labhub::coordinator::images
