#include "coordinator/images/manifest.hpp"

#include <boost/json.hpp>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::images {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxManifest = 4u << 20;

template <class T>
Result<void> read_member(const json::object& object, const char* name, T& into) {
    const auto* found = object.if_contains(name);
    auto converted = found ? json::try_value_to<T>(*found) : json::result<T>(json::error::not_object);
    if (!converted) return Error{ErrorCode::corrupt, std::string("'") + name + "' is missing or has the wrong type"};
    into = std::move(*converted);
    return {};
}

Result<Manifest> from_json(const json::object& object) {
    Manifest manifest;
    LABHUB_CHECK(read_member(object, "digest", manifest.digest));
    LABHUB_CHECK(read_member(object, "name", manifest.name));
    LABHUB_CHECK(read_member(object, "source", manifest.source));
    LABHUB_CHECK(read_member(object, "python", manifest.python));
    LABHUB_CHECK(read_member(object, "version", manifest.version));
    LABHUB_CHECK(read_member(object, "made_ms", manifest.made.count));
    LABHUB_CHECK(read_member(object, "files", manifest.files));
    LABHUB_CHECK(read_member(object, "bytes", manifest.bytes));
    LABHUB_CHECK(read_member(object, "packages", manifest.packages));
    LABHUB_CHECK(read_member(object, "modules", manifest.modules));
    return manifest;
}

}  // namespace

Result<Manifest> read_manifest(const std::filesystem::path& file) {
    LABHUB_TRY(const std::string text, read_file(file, kMaxManifest));
    const auto parsed = parse_json(text);
    if (!parsed || !parsed->is_object()) return Error{ErrorCode::corrupt, file.string() + " is no JSON object"};
    auto manifest = from_json(parsed->get_object());
    if (!manifest) return manifest.error().within(file.string());
    return manifest;
}

Result<void> write_manifest(const std::filesystem::path& file, const Manifest& manifest) {
    const json::object object{{"digest", manifest.digest},
                              {"name", manifest.name},
                              {"source", manifest.source},
                              {"python", manifest.python},
                              {"version", manifest.version},
                              {"made_ms", manifest.made.count},
                              {"files", manifest.files},
                              {"bytes", manifest.bytes},
                              {"packages", json::value_from(manifest.packages)},
                              {"modules", json::value_from(manifest.modules)}};
    return write_file(file, to_pretty_json(object));
}

}  // namespace labhub::coordinator::images
