#include "shared/runtime/backoff.hpp"

#include <algorithm>

#include "shared/base/random.hpp"

namespace labhub {

std::chrono::milliseconds Backoff::next() {
    const auto bound = next_;
    next_ = std::min(next_ * 2, most_);
    const double share = 0.5 + 0.5 * random_fraction();
    return std::chrono::milliseconds{static_cast<std::int64_t>(static_cast<double>(bound.count()) * share)};
}

}  // namespace labhub
