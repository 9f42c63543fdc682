#include "coordinator/domain/accounts/quota.hpp"

#include <cmath>

#include "shared/base/clock.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::accounts {
namespace {

using Kind = BoundForm::Kind;

constexpr double kHourMs = 3'600'000;
constexpr double kDefaultWindowMs = 30 * 24 * kHourMs;
constexpr double kAdminPriority = 100;

constexpr std::array<BoundForm, 7> kForms{{
    {Bound::weight, "weight", Kind::number, 0.01, 1'000, false,
     "share of the hub: of two, weight 2 gets twice as much"},
    {Bound::max_running, "max_running", Kind::count, 0, 10'000, true, "experiments that run at one time"},
    {Bound::max_queued, "max_queued", Kind::count, 0, 1'000'000, true, "experiments that wait at one time"},
    {Bound::cpu_hours, "cpu_hours", Kind::number, 0, 1e7, true, "processor hours used within cpu_window"},
    {Bound::cpu_window, "cpu_window", Kind::duration, kHourMs, 366 * 24 * kHourMs, false,
     "how far cpu_hours looks back, as '30d'"},
    {Bound::stored_bytes, "stored_bytes", Kind::bytes, 0, 1e15, true, "bytes of results that are kept"},
    {Bound::max_priority, "max_priority", Kind::count, -100, 100, false, "highest priority an experiment may have"},
}};

/// What holds where neither the user nor the role says anything.
std::optional<double> default_of(Bound bound, bool is_admin) {
    switch (bound) {
        case Bound::weight: return 1;
        case Bound::cpu_window: return kDefaultWindowMs;
        case Bound::max_priority: return is_admin ? kAdminPriority : 0;
        default: return std::nullopt;
    }
}

std::string range_text(const BoundForm& form) {
    const auto text = [&](double value) {
        return form.kind == Kind::duration
                   ? format_duration(std::chrono::milliseconds{static_cast<std::int64_t>(value)})
                   : format_number(value);
    };
    return "allowed: " + text(form.minimum) + " to " + text(form.maximum) + (form.may_be_none ? ", or none" : "");
}

}  // namespace

const std::array<BoundForm, 7>& bound_forms() { return kForms; }

const BoundForm& form_of(Bound bound) { return kForms[static_cast<std::size_t>(bound)]; }

Result<Bound> bound_from(std::string_view word) {
    std::string known;
    for (const BoundForm& form : kForms) {
        if (form.word == word) return form.bound;
        known += (known.empty() ? "" : ", ") + std::string(form.word);
    }
    return Error{ErrorCode::malformed, "'" + printable(word, 40) + "' is not bounded", "there are: " + known};
}

Result<void> check_bound(Bound bound, const std::optional<double>& value) {
    const BoundForm& form = form_of(bound);
    const std::string word(form.word);
    if (!value) {
        if (form.may_be_none) return {};
        return Error{ErrorCode::out_of_range, word + " can't be none", range_text(form)};
    }
    if (!(*value >= form.minimum && *value <= form.maximum))
        return Error{ErrorCode::out_of_range, word + " is out of range", range_text(form)};
    if (form.kind != Kind::number && *value != std::floor(*value))
        return Error{ErrorCode::malformed, word + " must be a whole number"};
    return {};
}

std::string to_text(const Bounds& bounds) {
    boost::json::object object;
    for (const auto& [bound, value] : bounds)
        object[form_of(bound).word] = value ? boost::json::value(*value) : boost::json::value(nullptr);
    return to_json(object);
}

Result<Bounds> bounds_from_text(std::string_view text) {
    LABHUB_TRY(const auto parsed, parse_json(text));
    if (!parsed.is_object()) return Error{ErrorCode::corrupt, "the stored quota is not an object"};
    Bounds bounds;
    for (const auto& member : parsed.get_object()) {
        LABHUB_TRY(const Bound bound, bound_from(member.key()));
        if (!member.value().is_null() && !member.value().is_number())
            return Error{ErrorCode::corrupt, "the stored " + std::string(member.key()) + " is not a number"};
        bounds[bound] = member.value().is_null() ? std::nullopt : std::optional(member.value().to_number<double>());
    }
    return bounds;
}

Allowance::Allowance(std::string role, bool is_admin, Bounds of_role, std::string user, Bounds of_user)
    : role_(std::move(role)),
      user_(std::move(user)),
      is_admin_(is_admin),
      of_role_(std::move(of_role)),
      of_user_(std::move(of_user)) {}

std::optional<double> Allowance::value(Bound bound) const {
    if (const auto own = of_user_.find(bound); own != of_user_.end()) return own->second;
    if (const auto said = of_role_.find(bound); said != of_role_.end()) return said->second;
    return default_of(bound, is_admin_);
}

std::string Allowance::says(Bound bound) const {
    return of_user_.contains(bound) ? "the quota of " + user_ : "role '" + role_ + "'";
}

std::chrono::milliseconds Allowance::cpu_window() const {
    return std::chrono::milliseconds{static_cast<std::int64_t>(value(Bound::cpu_window).value_or(kDefaultWindowMs))};
}

std::optional<std::int64_t> Allowance::stored_bytes() const {
    const auto bytes = value(Bound::stored_bytes);
    return bytes ? std::optional(static_cast<std::int64_t>(*bytes)) : std::nullopt;
}

std::optional<std::size_t> Allowance::count(Bound bound) const {
    const auto number = value(bound);
    return number ? std::optional(static_cast<std::size_t>(*number)) : std::nullopt;
}

}  // namespace labhub::coordinator::accounts
