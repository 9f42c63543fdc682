#include "shared/config/rule.hpp"

#include <algorithm>

#include "shared/base/ids.hpp"
#include "shared/config/nearest.hpp"

namespace labhub::config {

Rule Rule::required() const {
    Rule same = *this;
    same.is_required = true;
    return same;
}

Result<void> Rule::check_text(std::string_view text) const {
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
        std::string all;
        for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
        const std::string close = nearest(text, choices);
        return Error{ErrorCode::malformed, "'" + std::string(text) + "' is none of the choices",
                     (close.empty() ? "" : "did you mean " + close + "? ") + ("one of: " + all)};
    }
    return text_check ? text_check(text) : Result<void>{};
}

bool Rule::admits(double number) const { return (!minimum || number >= *minimum) && (!maximum || number <= *maximum); }

Rule required() { return Rule{}.required(); }

Rule range(double minimum, double maximum) {
    Rule rule;
    rule.minimum = minimum;
    rule.maximum = maximum;
    return rule;
}

Rule at_least(double minimum) {
    Rule rule;
    rule.minimum = minimum;
    return rule;
}

Rule range(std::chrono::milliseconds minimum, std::chrono::milliseconds maximum) {
    return range(static_cast<double>(minimum.count()), static_cast<double>(maximum.count()));
}

Rule one_of(std::vector<std::string> choices) {
    Rule rule;
    rule.choices = std::move(choices);
    return rule;
}

Rule name(std::string what) {
    Rule rule;
    rule.text_kind = what;
    rule.text_check = [what = std::move(what)](std::string_view text) { return check_name(what, text); };
    return rule;
}

Rule not_empty() {
    Rule rule;
    rule.text_kind = "not empty";
    rule.text_check = [](std::string_view text) -> Result<void> {
        if (text.empty()) return Error{ErrorCode::malformed, "the text is empty", "write at least one character"};
        return {};
    };
    return rule;
}

}  // namespace labhub::config
