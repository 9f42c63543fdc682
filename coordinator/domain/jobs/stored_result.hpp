#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

/// What somebody said of one result, beside the rules for all.
enum class Keep {
    usual,             ///< nothing
    until_downloaded,  ///< not removed by age before somebody has fetched it
    pinned,            ///< not removed by any rule, clean-up or request
};
std::string_view to_string(Keep keep);
/// Error malformed: names the three.
Result<Keep> keep_from(std::string_view name);

/// What is known of the files an ended job has left.
struct StoredResult {
    Keep keep = Keep::usual;
    std::optional<UtcMillis> downloaded;  ///< when its zip was last sent to its end
    std::optional<UtcMillis> removed;     ///< the files are gone, or going: nothing reads them any more
    std::string removed_because;          ///< one sentence for people
};

}  // namespace labhub::coordinator::jobs
