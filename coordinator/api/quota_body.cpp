#include "coordinator/api/quota_body.hpp"

#include <charconv>

#include "coordinator/domain/jobs/submission.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;
using accounts::Bound;
using accounts::BoundChange;
using Kind = accounts::BoundForm::Kind;

/// Each member of the body with its bound, in the order of accounts::bound_forms().
template <class Body, class Each>
void for_each_bound(Body& body, Each each) {
    each(Bound::weight, body.weight);
    each(Bound::max_running, body.max_running);
    each(Bound::max_queued, body.max_queued);
    each(Bound::cpu_hours, body.cpu_hours);
    each(Bound::cpu_window, body.cpu_window);
    each(Bound::stored_bytes, body.stored_bytes);
    each(Bound::max_priority, body.max_priority);
}

Result<double> number_from(std::string_view text) {
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || end != text.data() + text.size())
        return Error{ErrorCode::malformed, "'" + printable(text, 40) + "' is not a number",
                     "a number, 'none' or 'default'"};
    return number;
}

Result<double> value_from(Kind kind, std::string_view text) {
    if (kind == Kind::bytes) {
        LABHUB_TRY(const auto bytes, jobs::parse_bytes(text));
        return static_cast<double>(bytes);
    }
    if (kind == Kind::duration) {
        LABHUB_TRY(const auto duration, parse_duration(text));
        return static_cast<double>(duration.count());
    }
    return number_from(text);
}

Result<BoundChange> change_from(const accounts::BoundForm& form, const json::value& given) {
    BoundChange change;
    if (given.is_number() && form.kind != Kind::duration) {
        change.value = given.to_number<double>();
    } else if (given.is_number()) {
        LABHUB_TRY(change.value, value_from(form.kind, to_json(given)));
    } else if (!given.is_string()) {
        return Error{ErrorCode::malformed, "must be a number or text"};
    } else if (given.get_string() == "default") {
        change.is_back = true;
    } else if (given.get_string() != "none") {
        LABHUB_TRY(change.value, value_from(form.kind, given.get_string()));
    }
    if (!change.is_back) LABHUB_CHECK(accounts::check_bound(form.bound, change.value));
    return change;
}

json::value shown(const accounts::BoundForm& form, const std::optional<double>& value) {
    if (!value) return "none";
    if (form.kind == Kind::duration)
        return json::value(format_duration(std::chrono::milliseconds{static_cast<std::int64_t>(*value)}));
    return *value;
}

}  // namespace

Result<accounts::BoundChanges> changes_of(const std::optional<QuotaBody>& quota) {
    accounts::BoundChanges changes;
    if (!quota) return changes;
    std::optional<Error> failure;
    for_each_bound(*quota, [&](Bound bound, const std::optional<json::value>& given) {
        if (!given || failure) return;
        auto change = change_from(accounts::form_of(bound), *given);
        if (change)
            changes[bound] = *change;
        else
            failure = change.error().within("'quota." + std::string(accounts::form_of(bound).word) + "'");
    });
    if (failure) return *failure;
    return changes;
}

QuotaBody body_of(const accounts::Bounds& bounds) {
    QuotaBody body;
    for_each_bound(body, [&](Bound bound, std::optional<json::value>& member) {
        if (const auto found = bounds.find(bound); found != bounds.end())
            member = shown(accounts::form_of(bound), found->second);
    });
    return body;
}

QuotaBody body_of(const accounts::Allowance& allowance) {
    QuotaBody body;
    for_each_bound(body, [&](Bound bound, std::optional<json::value>& member) {
        member = shown(accounts::form_of(bound), allowance.value(bound));
    });
    return body;
}

}  // namespace labhub::coordinator::api
