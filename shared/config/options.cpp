#include "shared/config/options.hpp"

#include <algorithm>

#include "shared/base/clock.hpp"
#include "shared/base/text.hpp"

namespace labhub::config {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

struct DefaultText {
    std::string operator()(const std::string* value) const { return value->empty() ? "" : in_quotes(*value); }
    std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
    std::string operator()(const double* value) const { return format_number(*value); }
    std::string operator()(const std::optional<double>* value) const { return *value ? format_number(**value) : ""; }
    std::string operator()(const std::chrono::milliseconds* value) const { return in_quotes(format_duration(*value)); }
    std::string operator()(const std::filesystem::path* value) const {
        return value->empty() ? "" : in_quotes(value->string());
    }
    std::string operator()(const std::vector<std::string>* value) const {
        std::string items;
        for (const std::string& item : *value) items += (items.empty() ? "" : ", ") + in_quotes(item);
        return items.empty() ? "" : "[" + items + "]";
    }
    std::string operator()(const std::map<std::string, std::chrono::milliseconds>* value) const {
        std::string items;
        for (const auto& [key, duration] : *value)
            items += (items.empty() ? "" : ", ") + key + " = " + in_quotes(format_duration(duration));
        return items.empty() ? "" : "{ " + items + " }";
    }
    template <class Integer>
    std::string operator()(const Integer* value) const {
        return std::to_string(*value);
    }
};

struct TypeName {
    std::string operator()(const std::string*) const { return "text"; }
    std::string operator()(const bool*) const { return "true or false"; }
    std::string operator()(const double*) const { return "number"; }
    std::string operator()(const std::optional<double>*) const { return "number"; }
    std::string operator()(const std::chrono::milliseconds*) const { return "duration"; }
    std::string operator()(const std::filesystem::path*) const { return "path"; }
    std::string operator()(const std::vector<std::string>*) const { return "array of text"; }
    std::string operator()(const std::map<std::string, std::chrono::milliseconds>*) const {
        return "table of durations";
    }
    template <class Integer>
    std::string operator()(const Integer*) const {
        return "integer";
    }
};

bool holds_durations(const Target& target) {
    return std::holds_alternative<std::chrono::milliseconds*>(target) ||
           std::holds_alternative<std::map<std::string, std::chrono::milliseconds>*>(target);
}

std::string bound_text(const Option& option, double bound) {
    if (!holds_durations(option.target)) return format_number(bound);
    return format_duration(std::chrono::milliseconds{static_cast<std::int64_t>(bound)});
}

struct ReferenceRow {
    std::string key, type, initial, meaning;
};

void collect(const Options& options, const std::string& prefix, std::vector<ReferenceRow>& rows) {
    for (const Option& option : options.options()) {
        const std::string initial = option.rule.is_required ? "required" : option.default_text;
        rows.push_back({prefix + option.key, type_text(option), initial, option.description});
    }
    for (const OptionList& list : options.lists()) {
        const std::string key = prefix + "[[" + list.key + "]]";
        rows.push_back({key, "array of tables", "", list.description});
        const auto visit = [&](Options& element) -> Result<void> {
            collect(element, key + " ", rows);
            return {};
        };
        static_cast<void>(list.with_element(false, visit));
    }
}

std::string in_table(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
}

}  // namespace

void Options::add(std::string key, Target target, std::string description, Rule rule) {
    Option option;
    option.key = std::move(key);
    option.target = target;
    option.description = std::move(description);
    option.rule = std::move(rule);
    option.default_text = std::visit(DefaultText{}, target);
    options_.push_back(std::move(option));
}

std::string type_text(const Option& option) {
    std::string text = std::visit(TypeName{}, option.target);
    const Rule& rule = option.rule;
    if (!rule.text_kind.empty()) text += ", " + rule.text_kind;
    std::string choices;
    for (const std::string& choice : rule.choices) choices += (choices.empty() ? "" : ", ") + choice;
    if (!choices.empty()) text += ", one of: " + choices;
    if (rule.minimum && rule.maximum)
        text += ", " + bound_text(option, *rule.minimum) + " to " + bound_text(option, *rule.maximum);
    else if (rule.minimum)
        text += ", at least " + bound_text(option, *rule.minimum);
    else if (rule.maximum)
        text += ", at most " + bound_text(option, *rule.maximum);
    return text;
}

std::string Options::reference() const {
    std::vector<ReferenceRow> rows;
    collect(*this, "", rows);
    std::string text = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const ReferenceRow& row : rows) {
        const std::string initial =
            row.initial.empty() || row.initial == "required" ? row.initial : "`" + row.initial + "`";
        text += "| `" + row.key + "` | " + in_table(row.type) + " | " + in_table(initial) + " | " +
                in_table(row.meaning) + " |\n";
    }
    return text;
}

std::string Options::help() const {
    std::vector<ReferenceRow> rows;
    collect(*this, "", rows);
    std::size_t width = 0;
    for (const ReferenceRow& row : rows) width = std::max(width, row.key.size());
    std::string text;
    for (const ReferenceRow& row : rows) {
        text += "  " + row.key + std::string(width - row.key.size() + 2, ' ') + row.meaning + " (" + row.type;
        if (row.initial == "required")
            text += "; required";
        else if (!row.initial.empty())
            text += "; default " + row.initial;
        text += ")\n";
    }
    return text;
}

}  // namespace labhub::config
