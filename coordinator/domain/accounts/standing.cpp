#include "coordinator/domain/accounts/standing.hpp"

namespace labhub::coordinator::accounts {

Task<void> Standing::wait_for_end() {
    if (!is_over_) co_await ended_.async_wait(as_result);
}

}  // namespace labhub::coordinator::accounts
