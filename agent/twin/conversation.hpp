#pragma once

#include <filesystem>
#include <memory>

#include "shared/runtime/local_stream.hpp"

namespace labhub::agent::twin {

/// A twin's whole life: its setup comes first, then requests, each answered before the next is looked at, until the
/// other end closes. Error: why it could not be made, or what came that is no request.
Task<Result<void>> live(std::shared_ptr<LocalStream> stream, std::filesystem::path folder);

}  // namespace labhub::agent::twin
