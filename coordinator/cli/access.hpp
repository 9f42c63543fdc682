#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "shared/base/result.hpp"

namespace labhub::cli {

/// Where the hub is, and what proves who asks.
struct Access {
    std::string url;
    std::string token;  ///< empty: none was found
};

/// How a command line or its environment says so; nothing set is the normal case.
struct AccessRequest {
    std::optional<std::string> url;                   ///< --url, or LABHUB_URL
    std::optional<std::string> token;                 ///< LABHUB_TOKEN
    std::optional<std::filesystem::path> token_file;  ///< --token-file, or LABHUB_TOKEN_FILE
    std::filesystem::path data = "labhub-data";       ///< where `labhub up` keeps its state
};

/// The request with what the environment says filled in where the command line said nothing.
AccessRequest with_environment(AccessRequest request);

/// Settles both. Without a URL it is the one `labhub up` left in `data`/url, else http://127.0.0.1:8700. Without a
/// token it is the one in `data`/admin-token, but only towards this machine: a token must not be sent to a stranger
/// because of the folder one happens to stand in. Error when a token file that was named can't be read.
Result<Access> find_access(const AccessRequest& request);

}  // namespace labhub::cli
