#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::accounts {

/// What is bounded for a user, and how much of the hub is his.
enum class Bound { weight, max_running, max_queued, cpu_hours, cpu_window, stored_bytes, max_priority };

/// How a bound is written and what it may be: the row from which come storing, reading and showing it.
struct BoundForm {
    enum class Kind { number, count, bytes, duration };
    Bound bound;
    std::string_view word;
    Kind kind;
    double minimum, maximum;
    bool may_be_none;  ///< whether it can be lifted
    std::string_view meaning;
};
const std::array<BoundForm, 7>& bound_forms();
const BoundForm& form_of(Bound bound);
/// Error malformed, with the words there are.
Result<Bound> bound_from(std::string_view word);
/// Error out_of_range, with the range; malformed for a fraction where none can be.
Result<void> check_bound(Bound bound, const std::optional<double>& value);

/// What was said of bounds: a value, or nothing for "none". What isn't named is as the next outer one has it: a user's
/// as his role's, a role's as the hub's defaults. Durations are milliseconds; whole numbers are exact up to 2^53.
using Bounds = std::map<Bound, std::optional<double>>;

/// {"max_running":2,"cpu_hours":null}, as it is stored. Error corrupt.
std::string to_text(const Bounds& bounds);
Result<Bounds> bounds_from_text(std::string_view text);

/// What one user may have and do: his own bounds over his role's over the defaults.
class Allowance {
  public:
    Allowance() = default;
    Allowance(std::string role, bool is_admin, Bounds of_role, std::string user = {}, Bounds of_user = {});

    double weight() const { return value(Bound::weight).value_or(1); }
    std::optional<std::size_t> max_running() const { return count(Bound::max_running); }
    std::optional<std::size_t> max_queued() const { return count(Bound::max_queued); }
    std::optional<double> cpu_hours() const { return value(Bound::cpu_hours); }
    std::chrono::milliseconds cpu_window() const;
    std::optional<std::int64_t> stored_bytes() const;
    int max_priority() const { return static_cast<int>(value(Bound::max_priority).value_or(0)); }

    /// Nothing: there is no bound.
    std::optional<double> value(Bound bound) const;
    /// Who says so, for people: "role 'user'", or "the quota of ada".
    std::string says(Bound bound) const;

  private:
    std::optional<std::size_t> count(Bound bound) const;
    std::string role_, user_;
    bool is_admin_ = false;
    Bounds of_role_, of_user_;
};

}  // namespace labhub::coordinator::accounts
