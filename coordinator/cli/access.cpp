#include "coordinator/cli/access.hpp"

#include <cstdlib>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

constexpr std::size_t kMostTokenBytes = 4096;

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);
    if (!value || !*value) return std::nullopt;
    return std::string(value);
}

Result<std::string> first_line(const std::filesystem::path& path) {
    LABHUB_TRY(const std::string text, read_file(path, kMostTokenBytes));
    return std::string(trim(split(text, '\n').front()));
}

bool is_this_machine(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

AccessRequest with_environment(AccessRequest request) {
    if (!request.url) request.url = environment("LABHUB_URL");
    if (!request.token_file) {
        request.token = environment("LABHUB_TOKEN");
        if (const auto file = environment("LABHUB_TOKEN_FILE"); file && !request.token) request.token_file = *file;
    }
    return request;
}

Result<Access> find_access(const AccessRequest& request) {
    Access access;
    access.url = "http://127.0.0.1:8700";
    if (const auto left = first_line(request.data / "url"); left && !left->empty()) access.url = *left;
    if (request.url) access.url = *request.url;
    LABHUB_TRY(const http::Url url, http::Url::parse(access.url));
    if (request.token_file) {
        auto token = first_line(*request.token_file);
        if (!token) return token.error().within("the token");
        access.token = std::move(*token);
    } else if (request.token) {
        access.token = *request.token;
    } else if (is_this_machine(url.host)) {
        if (auto token = first_line(request.data / "admin-token")) access.token = std::move(*token);
    }
    return access;
}

}  // namespace labhub::cli
