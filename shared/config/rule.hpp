#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::config {

/// Which values of an option are right. Made by the functions below and refined by the members:
/// `config::range(1, 65535).required()`.
struct Rule {
    std::optional<double> minimum;  ///< inclusive; milliseconds for durations, the number of items for arrays
    std::optional<double> maximum;  ///< inclusive
    std::vector<std::string> choices;
    std::function<Result<void>(std::string_view)> text_check;
    std::string text_kind;  ///< what text_check accepts, for people: "node id"
    bool is_required = false;

    /// The same rule, and the file must set the option.
    Rule required() const;
    /// Error malformed for text that is not among the choices or that text_check refuses. Message without the option's
    /// name.
    Result<void> check_text(std::string_view text) const;
    /// Whether minimum ≤ number ≤ maximum.
    bool admits(double number) const;
};

/// Any value, and the file must set it.
Rule required();
/// Numbers from `minimum` to `maximum`, both included; for arrays of text, how many items.
Rule range(double minimum, double maximum);
/// Numbers from `minimum` on.
Rule at_least(double minimum);
/// Durations, both ends included.
Rule range(std::chrono::milliseconds minimum, std::chrono::milliseconds maximum);
/// One of these words.
Rule one_of(std::vector<std::string> choices);
/// Text that satisfies labhub::check_name, as ids do; `what` is how people call it ("node id").
Rule name(std::string what);
/// Text that is not empty.
Rule not_empty();

}  // namespace labhub::config
