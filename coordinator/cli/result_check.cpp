#include "coordinator/cli/result_check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>

#include "coordinator/cli/text_of.hpp"
#include "coordinator/cli/unpack.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/sha256.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kListName = "ro-crate-metadata.json";
constexpr std::string_view kZipName = "results.zip";
constexpr std::size_t kMostListBytes = 256u << 20;

struct Sum {
    std::int64_t size = 0;
    std::string sha256;
    bool operator==(const Sum&) const = default;
};

/// What is there: read through, but for the list, which is kept.
struct Inside {
    std::map<std::string, Sum> files;
    std::vector<std::string> odd;  ///< links, and names that are there twice
    std::optional<std::string> list;
};

Result<void> take_in(Inside& inside, const std::string& name, const NextPiece& next) {
    const bool is_list = name == kListName;
    Sha256 sum;
    Sum found;
    std::string list;
    while (true) {
        LABHUB_TRY(const std::string_view piece, next());
        if (piece.empty()) break;
        sum.add(piece);
        found.size += static_cast<std::int64_t>(piece.size());
        if (!is_list) continue;
        list += piece;
        if (list.size() > kMostListBytes) return Error{ErrorCode::too_large, name + " is larger than any list we make"};
    }
    found.sha256 = sum.hex();
    const bool is_twice = is_list ? inside.list.has_value() : inside.files.contains(name);
    if (is_twice) inside.odd.push_back(name + " (there twice)");
    if (is_list && !is_twice) inside.list = std::move(list);
    if (!is_list && !is_twice) inside.files.emplace(name, std::move(found));
    return {};
}

Result<void> take_in_file(Inside& inside, const fs::path& path, const std::string& name) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file) return system_error("open " + path.string(), errno);
    std::array<char, 65536> chunk{};
    return take_in(inside, name, [&]() -> Result<std::string_view> {
        ssize_t got = 0;
        do {
            got = ::read(file.get(), chunk.data(), chunk.size());
        } while (got < 0 && errno == EINTR);
        if (got < 0) return system_error("read " + path.string(), errno);
        return std::string_view(chunk.data(), static_cast<std::size_t>(got));
    });
}

Result<Inside> read_folder(const fs::path& folder) {
    Inside inside;
    std::error_code failure;
    fs::recursive_directory_iterator walk(folder, failure), end;
    for (; !failure && walk != end; walk.increment(failure)) {
        const auto status = walk->symlink_status(failure);
        if (failure) break;
        if (fs::is_directory(status)) continue;
        std::string name = walk->path().lexically_relative(folder).generic_string();
        if (!is_utf8(name)) name = printable(name, 4 * name.size());
        if (name == kZipName) continue;
        if (fs::is_regular_file(status)) {
            LABHUB_CHECK(take_in_file(inside, walk->path(), name));
        } else {
            inside.odd.push_back(std::move(name));
        }
    }
    if (failure) return system_error("list " + folder.string(), failure.value());
    return inside;
}

bool is_file(const json::object& entity) {
    const json::value* const type = entity.if_contains("@type");
    if (!type) return false;
    if (type->is_string()) return type->get_string() == "File";
    return type->is_array() &&
           std::any_of(type->get_array().begin(), type->get_array().end(),
                       [](const json::value& one) { return one.is_string() && one.get_string() == "File"; });
}

Result<std::map<std::string, Sum>> listed_files(const std::string& text) {
    LABHUB_TRY(const json::value list, parse_json(text));
    const json::value* const graph = list.is_object() ? list.get_object().if_contains("@graph") : nullptr;
    if (!graph || !graph->is_array())
        return Error{ErrorCode::malformed, std::string(kListName) + " is no RO-Crate", "it has no @graph"};
    std::map<std::string, Sum> files;
    for (const json::value& each : graph->get_array()) {
        if (!each.is_object() || !is_file(each.get_object())) continue;
        const json::object& entity = each.get_object();
        LABHUB_TRY(std::string name, http::percent_decode(text_of(entity, "@id")));
        Sum sum{-1, text_of(entity, "sha256")};
        const std::string size = text_of(entity, "contentSize");
        std::from_chars(size.data(), size.data() + size.size(), sum.size);
        files.emplace(std::move(name), std::move(sum));
    }
    return files;
}

}  // namespace

Result<ResultCheck> check_result(const fs::path& path) {
    std::error_code failure;
    Inside inside;
    if (fs::is_directory(path, failure)) {
        LABHUB_TRY(inside, read_folder(path));
    } else {
        LABHUB_CHECK(for_each_archived(
            path, [&](const std::string& name, const NextPiece& next) { return take_in(inside, name, next); }));
    }
    if (!inside.list)
        return Error{ErrorCode::not_found, path.string() + " has no " + std::string(kListName),
                     "without it nothing says what should be there"};
    LABHUB_TRY(const auto listed, listed_files(*inside.list));
    ResultCheck check;
    for (const auto& [name, sum] : listed) {
        const auto found = inside.files.find(name);
        if (found == inside.files.end())
            check.missing.push_back(name);
        else if (found->second == sum)
            ++check.sound;
        else
            check.changed.push_back(name);
    }
    for (const auto& [name, sum] : inside.files)
        if (!listed.contains(name)) check.unlisted.push_back(name);
    check.unlisted.insert(check.unlisted.end(), inside.odd.begin(), inside.odd.end());
    return check;
}

}  // namespace labhub::cli
