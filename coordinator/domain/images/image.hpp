#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// The image that every host has: its own /usr.
inline constexpr std::string_view kHostImage = "host";
/// The role of whoever has the hub's token.
inline constexpr std::string_view kAdminRole = "admin";

/// What is stored of a build: which files (digest), and under which name.
struct StoredImage {
    std::string digest;
    std::string name;
    std::string manifest_sum;
    std::string made_by;
    UtcMillis taken;
};

struct StoredRoles {
    std::string name;
    std::vector<std::string> roles;
};

/// One image as experiments and people see it.
struct Image {
    StoredImage stored;      ///< digest empty: the host's own /usr
    bool is_current = true;  ///< what its name stands for; false: an older build
    std::string source;
    std::string python;   ///< inside
    std::string version;  ///< of that Python
    std::vector<std::string> packages;
    /// Sorted; null while it isn't known.
    std::shared_ptr<const std::vector<std::string>> modules;
    std::uint64_t files = 0, bytes = 0;
    UtcMillis made;
    std::string damage;  ///< empty: none known
};

/// The image a job has got: the name it asked for and the files that stood for it then.
struct ChosenImage {
    std::string name;
    std::string digest;  ///< empty: the host
    std::string python;
    std::shared_ptr<const std::vector<std::string>> modules;
};

/// Whether someone of that role may use an image that is for `roles`; without any it is for everybody.
bool may_use(const std::vector<std::string>& roles, std::string_view role);

/// One import of a script: the top-level name and its first line.
struct Import {
    std::string module;
    int line = 0;
};

/// Error malformed, naming the first import that the image hasn't with its line, the closest names it has, and the
/// packages people usually mean. `modules` must be sorted.
Result<void> check_imports(const std::vector<Import>& imports, const std::vector<std::string>& modules,
                           std::string_view image);

}  // namespace labhub::coordinator::images
