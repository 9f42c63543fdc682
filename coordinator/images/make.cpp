#include "coordinator/images/make.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include <boost/json.hpp>

#include "coordinator/images/confinement.hpp"
#include "coordinator/images/image_folder.hpp"
#include "coordinator/images/python_programs.hpp"
#include "coordinator/images/tidy.hpp"
#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::chrono::minutes kBuildLimit{60};
constexpr std::chrono::seconds kPythonLimit{60};
const std::set<std::string> kNeverNeeded{
    "usr/include",       "usr/share/doc",    "usr/share/info", "usr/share/javascript",
    "usr/share/lintian", "usr/share/locale", "usr/share/man",  "usr/src"};
constexpr const char* kPythons[] = {"/usr/local/bin/python3", "/usr/bin/python3", "/bin/python3",
                                    "/opt/conda/bin/python3"};

Result<json::object> answer_of(const fs::path& root, const std::string& python) {
    ConfinedPython what{root, python, kModulesProgram, {}, true};
    LABHUB_TRY(const std::string text, output_of_child(
                                           [&] {
                                               const std::string why = become(what).to_string();
                                               (void)!::write(2, why.data(), why.size());
                                           },
                                           kPythonLimit));
    LABHUB_TRY(const auto parsed, parse_json(text));
    if (!parsed.is_object()) return Error{ErrorCode::internal, "its answer is no JSON object"};
    return parsed.get_object();
}

Result<void> take_answer(const json::object& answer, const std::string& python, Manifest& manifest) {
    const auto* const version = answer.if_contains("version");
    const auto* const modules = answer.if_contains("modules");
    auto names = modules ? json::try_value_to<std::vector<std::string>>(*modules)
                         : json::result<std::vector<std::string>>(json::error::not_array);
    if (!version || !version->is_string() || !names)
        return Error{ErrorCode::internal, python + " gave no list of its modules"};
    manifest.version = version->get_string();
    manifest.modules = std::move(*names);
    manifest.python = python;
    return {};
}

/// Without the folder they are unpacked for.
Result<Manifest> finish(const fs::path& images, const fs::path& work, Manifest manifest,
                        const std::vector<std::string>& leave_out, const Said& said) {
    manifest.packages = installed_packages(work / "root");
    said("removing what no script needs");
    LABHUB_CHECK(tidy(work / "root", leave_out));
    said("asking its Python what can be imported");
    LABHUB_CHECK(ask_python(work / "root", manifest));
    said("computing its checksums");
    manifest.made = SystemClock{}.utc_now();
    return adopt(images, work, std::move(manifest));
}

std::vector<std::string> mmdebstrap_of(const Declaration& declared, const fs::path& work) {
    std::string include;
    for (const auto& package : declared.packages) include += (include.empty() ? "" : ",") + package;
    std::vector<std::string> argv{"mmdebstrap",           "--mode=root",
                                  "--variant=essential",  "--format=directory",
                                  "--include=" + include, "--aptopt=APT::Install-Recommends \"false\""};
    // Not even unpacked; what packages may need while they are installed goes when they are.
    for (const auto& folder : declared.leave_out)
        if (kNeverNeeded.contains(folder)) argv.push_back("--dpkgopt=path-exclude=/" + folder + "/*");
    argv.insert(argv.end(), {declared.suite, (work / "root").string(), (work / "labhub.sources").string()});
    return argv;
}

bool tar_holds(const fs::path& tar, const std::string& member) {
    const Said nobody = [](std::string_view) {};
    return run_program({"tar", "--occurrence=1", "-tf", tar.string(), member}, "tar", nobody, std::chrono::minutes{5})
               .has_value() ||
           run_program({"tar", "--occurrence=1", "-tf", tar.string(), "./" + member}, "tar", nobody,
                       std::chrono::minutes{5})
               .has_value();
}

struct Removed {
    fs::path folder;
    ~Removed() {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
};

}  // namespace

Result<void> ask_python(const fs::path& root, Manifest& manifest) {
    std::vector<std::string> candidates(std::begin(kPythons), std::end(kPythons));
    if (!manifest.python.empty()) candidates = {manifest.python};
    std::string reasons;
    for (const auto& python : candidates) {
        std::error_code none;
        if (!fs::exists(fs::symlink_status(root / python.substr(1), none))) continue;
        const auto answer = answer_of(root, python);
        if (answer) return take_answer(*answer, python, manifest);
        reasons += (reasons.empty() ? "" : "; ") + python + ": " + answer.error().to_string();
    }
    if (!reasons.empty()) return Error{ErrorCode::unsupported, "the image's Python does not run: " + reasons};
    return Error{ErrorCode::unsupported, "the image has no Python 3",
                 "looked for: /usr/local/bin/python3, /usr/bin/python3, /bin/python3, /opt/conda/bin/python3"};
}

Result<Manifest> build_image(const fs::path& images, const Declaration& declared, const Said& said) {
    LABHUB_TRY(const fs::path work, new_work_folder(images));
    const Removed when_done{work};
    LABHUB_TRY(const std::string sources, sources_of("/etc/apt", declared.suite));
    LABHUB_CHECK(write_file(work / "labhub.sources", sources));
    // mmdebstrap's tools become other users on the way.
    for (const fs::path& folder : {work}) fs::permissions(folder, fs::perms(0755));
    said("installing " + std::to_string(declared.packages.size()) + " packages of Debian " + declared.suite +
         " and what they need");
    LABHUB_CHECK(run_program(mmdebstrap_of(declared, work), "mmdebstrap", said, kBuildLimit));
    std::error_code ignored;
    fs::remove(work / "labhub.sources", ignored);
    Manifest manifest;
    manifest.name = declared.name;
    manifest.source = "Debian " + declared.suite;
    return finish(images, work, std::move(manifest), declared.leave_out, said);
}

Result<std::string> transport_of(const fs::path& from) {
    std::error_code failure;
    const auto status = fs::status(from, failure);
    if (!fs::exists(status)) return Error{ErrorCode::not_found, "there is no " + from.string() + " on the hub"};
    if (fs::is_directory(status)) {
        if (fs::exists(from / "oci-layout", failure)) return std::string("oci");
    } else if (tar_holds(from, "oci-layout")) {
        return std::string("oci-archive");
    } else if (tar_holds(from, "manifest.json")) {
        return std::string("docker-archive");
    }
    return Error{ErrorCode::malformed, from.string() + " is no image",
                 "an OCI image layout (a folder, or a tar file of it), or what `docker save` or `podman save` wrote"};
}

Result<Manifest> import_image(const fs::path& images, const std::string& name, const fs::path& from, const Said& said) {
    LABHUB_CHECK(check_name("image name", name));
    LABHUB_TRY(const std::string transport, transport_of(from));
    LABHUB_TRY(const fs::path work, new_work_folder(images));
    const Removed when_done{work};
    const std::string layout = (work / "layout").string() + ":image";
    said("reading " + from.string());
    LABHUB_CHECK(run_program(
        {"skopeo", "--insecure-policy", "copy", "--quiet", transport + ":" + from.string(), "oci:" + layout}, "skopeo",
        said, kBuildLimit));
    said("unpacking its layers");
    LABHUB_CHECK(
        run_program({"umoci", "unpack", "--image", layout, (work / "bundle").string()}, "umoci", said, kBuildLimit));
    std::error_code failure;
    fs::rename(work / "bundle" / "rootfs", work / "root", failure);
    if (failure) return system_error("move the unpacked image", failure.value());
    fs::remove_all(work / "layout", failure);
    fs::remove_all(work / "bundle", failure);
    Manifest manifest;
    manifest.name = name;
    manifest.source = (transport == "docker-archive" ? "archive " : "OCI image ") + from.filename().string();
    return finish(images, work, std::move(manifest), {}, said);
}

}  // namespace labhub::coordinator::images
