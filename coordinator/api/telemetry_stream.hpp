#pragma once

#include <string>

#include "coordinator/domain/telemetry/stream.hpp"

namespace labhub::coordinator::api {

/// A batch as server-sent events; without anything in it a comment with the id.
std::string stream_text(const telemetry::LiveBatch& batch);

}  // namespace labhub::coordinator::api
