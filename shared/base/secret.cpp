#include "shared/base/secret.hpp"

#include <algorithm>

namespace labhub {

bool same_secret(std::string_view given, std::string_view secret) {
    unsigned difference = given.size() == secret.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(given.size(), secret.size()); ++i)
        difference |= static_cast<unsigned char>(given[i] ^ secret[i]);
    return difference == 0 && !secret.empty();
}

}  // namespace labhub
