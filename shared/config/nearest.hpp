#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace labhub::config {

/// Of `known`, the word that `typed` was most likely meant to be (at most a third of its letters
/// wrong, missing, added or swapped; one always is forgiven); empty if none is near.
std::string nearest(std::string_view typed, const std::vector<std::string>& known);

}  // namespace labhub::config
