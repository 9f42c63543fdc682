#include "coordinator/cli/setup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "coordinator/cli/text_of.hpp"
#include "shared/base/files.hpp"
#include "shared/base/json.hpp"
#include "shared/base/sha256.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMostParamsFile = 1u << 20;

Result<std::string> sum_of(const fs::path& path) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return system_error("open " + path.string(), errno);
    Sha256 sum;
    std::array<char, 65536> chunk{};
    while (true) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read " + path.string(), errno);
        if (got == 0) return sum.hex();
        sum.add({chunk.data(), static_cast<std::size_t>(got)});
    }
}

/// Its SHA-256, by which the hub has it from now on.
Task<Result<std::string>> send_input(Context& context, fs::path path) {
    auto sum = sum_of(path);
    if (!sum) co_return sum;
    auto known = co_await context.hub.get("/api/inputs/" + *sum);
    if (known) co_return sum;
    if (known.error().code != ErrorCode::not_found) co_return std::move(known).error();
    auto sent = co_await context.hub.send_file("/api/inputs", path);
    if (!sent) co_return std::move(sent).error();
    co_return text_of(object_of(*sent, "input"), "sha256");
}

}  // namespace

Result<json::object> params_of(const SetupRequest& setup) {
    json::object params;
    if (!setup.params_file.empty()) {
        LABHUB_TRY(const std::string text, read_file(setup.params_file, kMostParamsFile));
        auto parsed = parse_json(text);
        if (!parsed) return parsed.error().within(setup.params_file.string());
        if (!parsed->is_object())
            return Error{ErrorCode::malformed, setup.params_file.string() + " holds no JSON object",
                         R"(as in {"setpoint": 0.6})"};
        params = std::move(parsed->get_object());
    }
    for (const std::string& typed : setup.params) {
        const std::size_t equals = typed.find('=');
        if (equals == std::string::npos || equals == 0)
            return Error{ErrorCode::malformed, "'" + printable(typed, 80) + "' is no parameter", "write NAME=VALUE"};
        const std::string text = typed.substr(equals + 1);
        auto value = parse_json(text);
        params[typed.substr(0, equals)] = value ? std::move(*value) : json::value(text);
    }
    return params;
}

Result<LocalInput> local_input(const std::string& typed) {
    std::error_code failure;
    if (fs::is_regular_file(typed, failure)) return LocalInput{typed, fs::path(typed).filename().string()};
    const std::size_t equals = typed.rfind('=');
    const fs::path path = typed.substr(0, equals);
    if (equals == std::string::npos || equals + 1 == typed.size() || !fs::is_regular_file(path, failure))
        return Error{ErrorCode::not_found, "there is no file '" + printable(path.string(), 120) + "'",
                     "write FILE, or FILE=NAME"};
    return LocalInput{path, typed.substr(equals + 1)};
}

Task<Result<void>> set_up(Context& context, SetupRequest setup, json::object* config) {
    auto params = params_of(setup);
    if (!params) co_return std::move(params).error();
    if (!params->empty()) (*config)["params"] = std::move(*params);
    if (!setup.tags.empty()) (*config)["tags"] = json::array(setup.tags.begin(), setup.tags.end());
    if (!setup.note.empty()) (*config)["note"] = setup.note;
    json::array inputs;
    for (const std::string& typed : setup.inputs) {
        auto input = local_input(typed);
        if (!input) co_return std::move(input).error();
        auto sum = co_await send_input(context, input->path);
        if (!sum) co_return std::move(sum).error();
        inputs.push_back(json::object{{"name", input->name}, {"sha256", *sum}});
    }
    if (!inputs.empty()) (*config)["inputs"] = std::move(inputs);
    co_return Result<void>();
}

}  // namespace labhub::cli
