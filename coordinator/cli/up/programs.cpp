#include "coordinator/cli/up/programs.hpp"

#include <cstdlib>

#include <unistd.h>

#include "shared/base/text.hpp"

namespace labhub::cli::up {
namespace {

namespace fs = std::filesystem;

Result<fs::path> beside(const fs::path& bin, const char* name) {
    fs::path program = bin / name;
    if (::access(program.c_str(), X_OK) == 0) return program;
    return Error{ErrorCode::not_found, std::string(name) + " is not in " + bin.string(),
                 "labhub's programs belong in one folder; build or install them all"};
}

fs::path in_path(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::string folders = std::string(path ? path : "/usr/bin:/bin") + ":/usr/sbin:/usr/local/sbin";
    for (const std::string_view folder : split(folders, ':')) {
        fs::path program = fs::path(folder) / name;
        if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
    }
    return {};
}

}  // namespace

Result<Programs> find_programs(const fs::path& bin) {
    Programs programs;
    LABHUB_TRY(programs.agent, beside(bin, "labhub-agent"));
    LABHUB_TRY(programs.simulator, beside(bin, "labhub-vessel-sim"));
    LABHUB_TRY(programs.coordinator, beside(bin, "labhub-coordinator"));
    LABHUB_TRY(programs.runner, beside(bin, "labhub-runner"));
    programs.mosquitto = in_path("mosquitto");
    if (programs.mosquitto.empty())
        return Error{ErrorCode::not_found, "mosquitto is neither in PATH nor in /usr/sbin",
                     "apt-get install mosquitto"};
    programs.ssh_keygen = in_path("ssh-keygen");
    for (const fs::path& folder : {bin / "../share/labhub/python", bin / "../../../coordinator/clients/python"}) {
        std::error_code missing;
        if (fs::is_directory(folder / "labhub", missing)) {
            programs.python = fs::canonical(folder);
            return programs;
        }
    }
    return Error{ErrorCode::not_found, "labhub's Python packages are not installed",
                 "they belong in " + (bin / "../share/labhub/python").lexically_normal().string()};
}

Result<Programs> find_programs() {
    std::error_code failure;
    const fs::path self = fs::read_symlink("/proc/self/exe", failure);
    if (failure) return system_error("read /proc/self/exe", failure.value());
    return find_programs(self.parent_path());
}

}  // namespace labhub::cli::up
