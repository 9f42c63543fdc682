#include "coordinator/images/image_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "coordinator/images/file_sum.hpp"
#include "coordinator/images/listing.hpp"
#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListing = 256u << 20;
/// So many differences say what kind of damage it is.
constexpr std::size_t kToldDifferences = 5;

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Result<void> note_checked(const fs::path& folder, std::int64_t at_ns) {
    return write_file(folder / "checked", std::to_string(at_ns) + "\n");
}

/// 0 when it isn't known: then every file counts as touched.
std::int64_t last_checked(const fs::path& folder) {
    std::int64_t at = 0;
    if (const auto text = read_file(folder / "checked", 64))
        std::from_chars(text->data(), text->data() + text->size(), at);
    return at;
}

Error damaged(const std::string& digest, std::string what) {
    return Error{ErrorCode::corrupt, "the image " + digest.substr(0, 12) + " is damaged: " + std::move(what),
                 "build or import it again; `labhub images rm` removes this one"};
}

Result<void> judge(const std::string& digest, const std::vector<std::string>& differing) {
    if (differing.empty()) return {};
    std::string all;
    for (const auto& each : differing) all += (all.empty() ? "" : "; ") + each;
    return damaged(digest, all);
}

Result<Listing> read_listing(const fs::path& folder, const std::string& digest) {
    auto text = read_file(folder / "listing", kMaxListing);
    if (!text && text.error().code == ErrorCode::not_found)
        return Error{ErrorCode::not_found, "the image " + digest.substr(0, 12) + " is not in " + folder.string()};
    if (!text) return std::move(text).error();
    if (sha256_hex(*text) != digest) return damaged(digest, "its listing is not the one it is known by");
    return parse_listing(*text);
}

/// Names and contents must be on the disk before the image has its name.
void write_out(const fs::path& folder) {
    const UniqueFd handle{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (handle) ::syncfs(handle.get());
}

}  // namespace

fs::path image_folder(const fs::path& images, const std::string& digest) { return images / "sha256" / digest; }
fs::path image_root(const fs::path& images, const std::string& digest) { return image_folder(images, digest) / "root"; }

Result<fs::path> new_work_folder(const fs::path& images) {
    fs::path folder = images / "new" / new_id();
    LABHUB_CHECK(make_folder(images, 0700));
    LABHUB_CHECK(make_folder(folder, 0700));
    return folder;
}

void clear_unfinished(const fs::path& images) {
    std::error_code ignored;
    fs::remove_all(images / "new", ignored);
}

Result<Manifest> adopt(const fs::path& images, const fs::path& work, Manifest manifest) {
    const std::int64_t begun = now_ns();
    LABHUB_TRY(const Listing listing, list_tree(work / "root", Depth::contents));
    for (const auto& [name, entry] : listing) {
        manifest.files += entry.kind == 'f' ? 1 : 0;
        manifest.bytes += entry.size;
    }
    const std::string text = to_text(listing);
    manifest.digest = sha256_hex(text);
    const fs::path home = image_folder(images, manifest.digest);
    LABHUB_CHECK(make_folder(home.parent_path(), 0700));
    if (check_wholly(images, manifest.digest)) {
        std::error_code ignored;
        fs::remove_all(work, ignored);
        return read_manifest(home / "manifest.json");
    }
    LABHUB_CHECK(remove_image(images, manifest.digest));
    LABHUB_CHECK(write_file(work / "listing", text));
    LABHUB_CHECK(write_manifest(work / "manifest.json", manifest));
    LABHUB_CHECK(note_checked(work, begun));
    write_out(work);
    if (::rename(work.c_str(), home.c_str()) != 0) return system_error("rename to " + home.string(), errno);
    write_out(home.parent_path());
    return manifest;
}

Result<std::string> manifest_sum(const fs::path& images, const std::string& digest) {
    return sum_of_file(image_folder(images, digest) / "manifest.json");
}

Result<void> check_quickly(const fs::path& images, const std::string& digest, const std::string& sum) {
    const fs::path folder = image_folder(images, digest);
    LABHUB_TRY(const Listing wanted, read_listing(folder, digest));
    if (!sum.empty()) {
        const auto found = manifest_sum(images, digest);
        if (!found || *found != sum) return damaged(digest, "its manifest has been changed");
    }
    LABHUB_TRY(const auto differing, changes_since(folder / "root", wanted, last_checked(folder), kToldDifferences));
    return judge(digest, differing);
}

Result<void> check_wholly(const fs::path& images, const std::string& digest) {
    const fs::path folder = image_folder(images, digest);
    const std::int64_t begun = now_ns();
    LABHUB_TRY(const Listing wanted, read_listing(folder, digest));
    LABHUB_TRY(const Listing found, list_tree(folder / "root", Depth::contents));
    LABHUB_CHECK(judge(digest, differences(wanted, found, kToldDifferences)));
    return note_checked(folder, begun);
}

Result<void> remove_image(const fs::path& images, const std::string& digest) {
    const fs::path home = image_folder(images, digest);
    std::error_code failure;
    if (!fs::exists(home, failure)) return {};
    LABHUB_TRY(const fs::path going, new_work_folder(images));
    if (::rename(home.c_str(), (going / "old").c_str()) != 0) return system_error("remove " + home.string(), errno);
    fs::remove_all(going, failure);
    if (failure) return system_error("remove " + going.string(), failure.value());
    return {};
}

}  // namespace labhub::coordinator::images
