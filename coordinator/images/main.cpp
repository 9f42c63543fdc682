// labhub-image: makes, checks and asks images. Started by the coordinator for what takes long or reads what strangers
// wrote. Says one JSON object a line.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include <boost/json.hpp>

#include "coordinator/images/confinement.hpp"
#include "coordinator/images/declaration.hpp"
#include "coordinator/images/image_folder.hpp"
#include "coordinator/images/make.hpp"
#include "coordinator/images/python_programs.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr int kExitDone = 0, kExitFailed = 1, kExitUsage = 2;

constexpr const char* kUsage =
    "labhub-image, for the images experiments run in\n"
    "  labhub-image build IMAGES DECLARATION     build what image.toml says, into the folder IMAGES\n"
    "  labhub-image import IMAGES NAME SOURCE    take an OCI image layout, or an archive of docker or podman\n"
    "  labhub-image verify IMAGES DIGEST         read every byte of an image and compare\n"
    "  labhub-image modules ROOT                 what can be imported; ROOT is an image's, or / for this host's\n"
    "  labhub-image check-script ROOT PYTHON     parse the script on standard input, confined\n";

void say(const boost::json::object& line) {
    std::fputs((to_json(line) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

int fail(const Error& error) {
    say({{"error", {{"code", code_name(error.code)}, {"message", error.message}, {"detail", error.detail}}}});
    return kExitFailed;
}

void say_progress(std::string_view line) { say({{"progress", line}}); }

int tell(const Result<Manifest>& made) {
    if (!made) return fail(made.error());
    say({{"digest", made->digest}});
    return kExitDone;
}

/// What a person or a script waits for comes first.
void step_back() { ::setpriority(PRIO_PROCESS, 0, 10); }

int build(const fs::path& images, const fs::path& declaration) {
    const auto declared = read_declaration(declaration);
    if (!declared) return fail(declared.error());
    if (const auto secluded = seclude(true); !secluded) return fail(secluded.error());
    step_back();
    return tell(build_image(images, *declared, say_progress));
}

int import(const fs::path& images, const std::string& name, const fs::path& from) {
    if (const auto secluded = seclude(false); !secluded) return fail(secluded.error());
    step_back();
    return tell(import_image(images, name, from, say_progress));
}

int verify(const fs::path& images, const std::string& digest) {
    step_back();
    const auto checked = check_wholly(images, digest);
    if (!checked) return fail(checked.error());
    say({{"digest", digest}});
    return kExitDone;
}

int modules(const fs::path& root) {
    step_back();
    Manifest manifest;
    if (root == "/") manifest.python = "/usr/bin/python3";
    if (const auto asked = ask_python(root, manifest); !asked) return fail(asked.error());
    say({{"version", manifest.version}, {"modules", boost::json::value_from(manifest.modules)}});
    return kExitDone;
}

int check_script(const fs::path& root, const std::string& python) {
    ConfinedPython what{root, python, kCheckProgram, {}, false};
    return fail(become(what));
}

int main_of(const std::vector<std::string>& arguments) {
    // What was started by a coordinator ends with it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto verb = arguments.empty() ? std::string_view{} : std::string_view{arguments[0]};
    if (verb == "build" && arguments.size() == 3) return build(arguments[1], arguments[2]);
    if (verb == "import" && arguments.size() == 4) return import(arguments[1], arguments[2], arguments[3]);
    if (verb == "verify" && arguments.size() == 3) return verify(arguments[1], arguments[2]);
    if (verb == "modules" && arguments.size() == 2) return modules(arguments[1]);
    if (verb == "check-script" && arguments.size() == 3) return check_script(arguments[1], arguments[2]);
    std::fputs(kUsage, verb == "--help" ? stdout : stderr);
    return verb == "--help" ? kExitDone : kExitUsage;
}

}  // namespace
}  // namespace labhub::coordinator::images

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    return labhub::coordinator::images::main_of({argv + 1, argv + argc});
}
