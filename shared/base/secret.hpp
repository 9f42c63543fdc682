#pragma once

#include <string_view>

namespace labhub {

/// Whether what was given is the secret, taking as long for a near miss as for a wild guess. An empty secret matches
/// nothing.
bool same_secret(std::string_view given, std::string_view secret);

}  // namespace labhub
