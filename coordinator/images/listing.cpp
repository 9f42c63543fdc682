#include "coordinator/images/listing.hpp"

#include <sys/stat.h>

#include <charconv>
#include <functional>

#include "coordinator/images/file_sum.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string encode(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && byte != '%' && byte != 0x7f) {
            encoded.push_back(c);
        } else {
            encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return encoded;
}

std::string decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned int byte = 0;
        if (text[i] == '%' && i + 2 < text.size()) {
            std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
            decoded.push_back(static_cast<char>(byte));
            i += 2;
        } else {
            decoded.push_back(text[i]);
        }
    }
    return decoded;
}

/// What is known of a file without reading it.
Result<Entry> facts_of(const fs::path& path, const struct stat& facts) {
    Entry entry;
    entry.mode = facts.st_mode & 07777;
    if (S_ISDIR(facts.st_mode)) return entry;
    entry.kind = S_ISREG(facts.st_mode) ? 'f' : S_ISLNK(facts.st_mode) ? 'l' : '?';
    if (entry.kind == 'f') entry.size = static_cast<std::uint64_t>(facts.st_size);
    if (entry.kind != 'l') return entry;
    std::error_code failure;
    entry.content = fs::read_symlink(path, failure).string();
    entry.mode = 0777;
    if (failure) return system_error("read the link " + path.string(), failure.value());
    return entry;
}

using Visit = std::function<Result<void>(const std::string& name, const fs::path& path, const struct stat& facts)>;

Result<void> walk(const fs::path& root, const Visit& visit) {
    std::error_code failure;
    fs::recursive_directory_iterator next(root, failure);
    if (failure) return system_error("look into " + root.string(), failure.value());
    const std::size_t prefix = root.string().size() + 1;
    for (const fs::recursive_directory_iterator end; next != end; next.increment(failure)) {
        struct stat facts {};
        if (::lstat(next->path().c_str(), &facts) != 0) return system_error("look at " + next->path().string(), errno);
        LABHUB_CHECK(visit(next->path().string().substr(prefix), next->path(), facts));
    }
    if (failure) return system_error("look into " + root.string(), failure.value());
    return {};
}

std::string octal(std::uint32_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", mode);
    return text;
}

std::string kind_name(char kind) {
    return kind == 'd' ? "a folder" : kind == 'f' ? "a file" : kind == 'l' ? "a link" : "neither file, folder nor link";
}

/// What is wrong with one entry; empty: nothing. Contents are compared where both are known.
std::string difference(const std::string& name, const Entry& wanted, const Entry& found) {
    const std::string shown = printable(name, 200);
    if (wanted.kind != found.kind) return shown + " is " + kind_name(found.kind) + ", not " + kind_name(wanted.kind);
    if (wanted.mode != found.mode) return shown + " has mode " + octal(found.mode) + ", not " + octal(wanted.mode);
    if (wanted.size != found.size)
        return shown + " has " + std::to_string(found.size) + " bytes, not " + std::to_string(wanted.size);
    if (wanted.kind == 'l' && wanted.content != found.content)
        return shown + " leads to " + printable(found.content, 200) + ", not to " + printable(wanted.content, 200);
    if (wanted.kind == 'f' && !found.content.empty() && wanted.content != found.content)
        return shown + " has other contents";
    return {};
}

}  // namespace

Result<Listing> list_tree(const fs::path& root, Depth depth) {
    Listing listing;
    LABHUB_CHECK(
        walk(root, [&](const std::string& name, const fs::path& path, const struct stat& facts) -> Result<void> {
            LABHUB_TRY(Entry entry, facts_of(path, facts));
            if (depth == Depth::contents && entry.kind == 'f') {
                LABHUB_TRY(entry.content, sum_of_file(path));
            }
            listing.emplace(name, std::move(entry));
            return {};
        }));
    return listing;
}

std::string to_text(const Listing& listing) {
    std::string text;
    for (const auto& [name, entry] : listing)
        text += std::string(1, entry.kind) + " " + octal(entry.mode) + " " + std::to_string(entry.size) + " " +
                (entry.content.empty() ? "-" : encode(entry.content)) + " " + encode(name) + "\n";
    return text;
}

Result<Listing> parse_listing(std::string_view text) {
    Listing listing;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const auto end = text.find('\n');
        const auto fields = split(text.substr(0, end), ' ');
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        Entry entry;
        const Error wrong{ErrorCode::corrupt, "line " + std::to_string(number) + " of the image's listing is damaged"};
        if (fields.size() != 5 || fields[0].size() != 1) return wrong;
        entry.kind = fields[0][0];
        const auto mode = std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), entry.mode, 8);
        const auto size = std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), entry.size);
        if (mode.ec != std::errc{} || size.ec != std::errc{}) return wrong;
        if (fields[3] != "-") entry.content = decode(fields[3]);
        listing.emplace_hint(listing.end(), decode(fields[4]), std::move(entry));
    }
    return listing;
}

std::vector<std::string> differences(const Listing& wanted, const Listing& found, std::size_t most) {
    std::vector<std::string> told;
    for (const auto& [name, entry] : wanted) {
        if (told.size() >= most) return told;
        const auto there = found.find(name);
        const std::string what =
            there == found.end() ? printable(name, 200) + " is missing" : difference(name, entry, there->second);
        if (!what.empty()) told.push_back(what);
    }
    for (const auto& [name, entry] : found)
        if (told.size() < most && !wanted.contains(name)) told.push_back(printable(name, 200) + " was added");
    return told;
}

Result<std::vector<std::string>> changes_since(const fs::path& root, const Listing& wanted, std::int64_t since_ns,
                                               std::size_t most) {
    Listing found;
    LABHUB_CHECK(
        walk(root, [&](const std::string& name, const fs::path& path, const struct stat& facts) -> Result<void> {
            LABHUB_TRY(Entry entry, facts_of(path, facts));
            const std::int64_t changed = facts.st_ctim.tv_sec * kNanosecondsPerSecond + facts.st_ctim.tv_nsec;
            if (entry.kind == 'f' && changed > since_ns) {
                LABHUB_TRY(entry.content, sum_of_file(path));
            }
            found.emplace(name, std::move(entry));
            return {};
        }));
    return differences(wanted, found, most);
}

}  // namespace labhub::coordinator::images
