#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::ingest {

/// The uuid of a payload that holds another one, packed, in its body: an extension of Tahu's, outside the
/// specification.
inline constexpr std::string_view kCompressedUuid = "SPBV1.0_COMPRESSED";

/// The payload inside a compressed one's body, packed with gzip or deflate (zlib's framing tells which). Never more
/// than sparkplug::kMaxPayloadBytes is unpacked. Errors malformed (no such data, or cut short), too_large.
Result<std::string> unpack(std::string_view body);

}  // namespace labhub::coordinator::ingest
