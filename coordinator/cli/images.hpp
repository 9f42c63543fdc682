#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// `labhub images list`
struct ImageListRequest {};
/// `labhub images show NAME`
struct ImageShowRequest {
    std::string name;
    bool verify = false;  ///< every byte is read first
};
/// `labhub images build NAME`
struct ImageBuildRequest {
    std::string name = "python";
    bool is_detached = false;  ///< begun, and not waited for
};
/// `labhub images import NAME PATH`
struct ImageImportRequest {
    std::string name;
    std::filesystem::path path;  ///< on the hub's machine
    bool is_detached = false;
};
/// `labhub images cancel NAME`
struct ImageCancelRequest {
    std::string name;
};
/// `labhub images roles NAME [ROLE…]`
struct ImageRolesRequest {
    std::string name;
    std::vector<std::string> roles;
};
/// `labhub images rm NAME`
struct ImageRemoveRequest {
    std::string name;
};

using ImagesCommand = std::variant<ImageListRequest, ImageShowRequest, ImageBuildRequest, ImageImportRequest,
                                   ImageCancelRequest, ImageRolesRequest, ImageRemoveRequest>;

/// Ctrl-C while an image is made leaves it being made.
Task<ExitStatus> run_images(Context& context, ImagesCommand command);

}  // namespace labhub::cli
