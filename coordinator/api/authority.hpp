#pragma once

#include <map>
#include <string>

#include "coordinator/api/call.hpp"
#include "coordinator/api/operation.hpp"

namespace labhub::coordinator::api {

/// Who asks, and where that is nobody, why the token he sent was not taken.
struct Asking {
    Caller caller;
    std::optional<Error> refusal;
};
Asking who_asks(const http::Request& request, accounts::Accounts& accounts);

/// Whether the caller may use the operation, as its row in the list says. `path` has the parameters of the path. Errors
/// unauthenticated, forbidden (says who may), not_found (an owner's experiment).
Result<void> check_access(const Operation& operation, const Asking& asking,
                          const std::map<std::string, std::string>& path, const jobs::Engine& jobs);

/// The response, whose body ends, cut off, when the caller's token does, if it is one that is made while it is sent.
http::Response while_standing(http::Response response, std::shared_ptr<accounts::Standing> standing,
                              const Clock& clock);

}  // namespace labhub::coordinator::api
