#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coordinator/domain/accounts/quota.hpp"
#include "shared/base/clock.hpp"
#include "shared/base/result.hpp"

namespace labhub::coordinator::accounts {

/// Roles that are always there; kAdmin is also the name of the user whose token lies in the data folder.
inline constexpr std::string_view kAdmin = "admin";
inline constexpr std::string_view kUser = "user";
/// The file in the data folder, and the name of the token in it.
inline constexpr std::string_view kAdminTokenFile = "admin-token";

/// A person or program that may ask the hub for things. "user:NAME" is how leases, jobs and records name one.
struct User {
    std::string name;
    std::string full_name;
    std::string email;
    std::string role{kUser};
    bool is_disabled = false;
    Bounds bounds;  ///< his own, over those of his role
    UtcMillis created;
    std::string created_by;
};

struct Role {
    std::string name;
    bool is_admin = false;
    Bounds bounds;
};

/// What proves who asks. The secret itself is nowhere kept.
struct Token {
    std::string hash;  ///< SHA-256 of the secret, hexadecimal
    std::string user;
    std::string name;  ///< one of its user's tokens
    UtcMillis created;
    std::string created_by;
    std::optional<UtcMillis> expires;
    std::optional<UtcMillis> last_used;  ///< to within ten minutes
};

/// "user:ada" → "ada"; empty for what is no user.
std::string_view user_of(std::string_view principal);

/// Errors malformed. Empty is right for both.
Result<void> check_full_name(std::string_view text);
Result<void> check_email(std::string_view text);

}  // namespace labhub::coordinator::accounts
