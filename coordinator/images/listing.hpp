#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// One thing in an image's tree.
struct Entry {
    char kind = 'd';  ///< 'd' folder, 'f' file, 'l' symbolic link, '?' anything else, which no image holds
    std::uint32_t mode = 0;
    std::uint64_t size = 0;  ///< bytes of a file; 0 otherwise
    std::string content;     ///< a file's SHA-256, a link's target
    bool operator==(const Entry&) const = default;
};

/// A whole tree by its relative paths, in the order of their bytes. Owners and times are no part of it: the same
/// packages give the same listing.
using Listing = std::map<std::string, Entry>;

enum class Depth {
    facts,    ///< as lstat(2) tells; the hashes of files stay empty
    contents  ///< files are read
};

/// Errors as the system gave them.
Result<Listing> list_tree(const std::filesystem::path& root, Depth depth);
/// A line for each entry: kind, mode in octal, size, content, path; percent-encoded where a name holds blanks, control
/// characters or '%'. An image is known by the SHA-256 of this text.
std::string to_text(const Listing& listing);
/// Error corrupt, with the line.
Result<Listing> parse_listing(std::string_view text);

/// What of `root` is not as listed, at most `most` sentences: "usr/bin/python3 has 12 bytes, not 6831680". A look at
/// the files' facts only; but what was changed after `since_ns` (nanoseconds of UTC, by the inode's change time, which
/// no program can set) is read and hashed. Errors as the system gave them.
Result<std::vector<std::string>> changes_since(const std::filesystem::path& root, const Listing& wanted,
                                               std::int64_t since_ns, std::size_t most);
/// The same between two listings.
std::vector<std::string> differences(const Listing& wanted, const Listing& found, std::size_t most);

}  // namespace labhub::coordinator::images
