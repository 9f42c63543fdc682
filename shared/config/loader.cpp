#include <limits>
#include <set>

#include <toml++/toml.h>

#include "shared/base/clock.hpp"
#include "shared/base/files.hpp"
#include "shared/config/nearest.hpp"
#include "shared/config/options.hpp"

namespace labhub::config {
namespace {

std::string kind_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "text";
        case toml::node_type::integer: return "an integer";
        case toml::node_type::floating_point: return "a number";
        case toml::node_type::boolean: return "true or false";
        default: return "a date or time";
    }
}

/// Writes one parsed value into an option's target. The Errors it returns have no place and no key yet.
struct Assign {
    const Option& option;
    const toml::node& node;
    const std::filesystem::path& folder;

    Error wrong_type() const { return {ErrorCode::malformed, "is " + kind_of(node), "must be: " + type_text(option)}; }
    Error out_of_range(const std::string& value) const {
        return {ErrorCode::malformed, "= " + value + " is out of range", "must be: " + type_text(option)};
    }
    Result<std::string> text() const {
        const auto* value = node.as_string();
        if (!value) return wrong_type();
        if (auto checked = option.rule.check_text(value->get()); !checked) return checked.error().within("is wrong");
        return value->get();
    }
    Result<std::chrono::milliseconds> duration(const toml::node& from) const {
        Result<std::chrono::milliseconds> parsed = wrong_type();
        if (const auto* value = from.as_string()) {
            parsed = parse_duration(value->get());
            if (!parsed) return parsed.error().within("is wrong");
        } else if (const auto seconds = from.value_exact<double>()) {
            parsed = std::chrono::milliseconds{static_cast<std::int64_t>(*seconds * 1000)};
        } else if (const auto whole = from.value_exact<std::int64_t>()) {
            if (*whole > std::numeric_limits<std::int32_t>::max() || *whole < 0)
                return out_of_range(std::to_string(*whole));
            parsed = std::chrono::seconds{*whole};
        }
        if (parsed && !option.rule.admits(static_cast<double>(parsed->count())))
            return out_of_range(format_duration(*parsed));
        return parsed;
    }

    Result<void> operator()(std::string* target) const {
        LABHUB_TRY(*target, text());
        return {};
    }
    Result<void> operator()(std::filesystem::path* target) const {
        LABHUB_TRY(const std::filesystem::path given, text());
        *target = given.empty() || folder.empty() ? given : (folder / given).lexically_normal();
        return {};
    }
    Result<void> operator()(bool* target) const {
        const auto value = node.value_exact<bool>();
        if (!value) return wrong_type();
        *target = *value;
        return {};
    }
    Result<void> operator()(double* target) const {
        const auto value = node.is_number() ? node.value<double>() : std::optional<double>{};
        if (!value) return wrong_type();
        // The negation also refuses NaN.
        if (!(*value >= std::numeric_limits<double>::lowest() && *value <= std::numeric_limits<double>::max()))
            return out_of_range("a number that is not finite");
        if (!option.rule.admits(*value)) return out_of_range(std::to_string(*value));
        *target = *value;
        return {};
    }
    Result<void> operator()(std::optional<double>* target) const {
        double number = 0;
        LABHUB_CHECK((*this)(&number));
        *target = number;
        return {};
    }
    Result<void> operator()(std::chrono::milliseconds* target) const {
        LABHUB_TRY(*target, duration(node));
        return {};
    }
    Result<void> operator()(std::vector<std::string>* target) const {
        const auto* array = node.as_array();
        if (!array) return wrong_type();
        std::vector<std::string> items;
        for (const toml::node& item : *array) {
            if (!item.is_string())
                return Error{ErrorCode::malformed, "has " + kind_of(item) + " in it", "must be: " + type_text(option)};
            items.push_back(item.as_string()->get());
            if (auto checked = option.rule.check_text(items.back()); !checked)
                return checked.error().within("is wrong");
        }
        if (!option.rule.admits(static_cast<double>(items.size())))
            return out_of_range(std::to_string(items.size()) + " items");
        *target = std::move(items);
        return {};
    }
    Result<void> operator()(std::map<std::string, std::chrono::milliseconds>* target) const {
        const auto* table = node.as_table();
        if (!table) return wrong_type();
        target->clear();
        for (const auto& [key, value] : *table) {
            LABHUB_TRY(const std::chrono::milliseconds each, duration(value));
            target->emplace(std::string(key.str()), each);
        }
        return {};
    }
    template <class Integer>
    Result<void> operator()(Integer* target) const {
        const auto value = node.value_exact<std::int64_t>();
        if (!value) return wrong_type();
        if (!std::in_range<Integer>(*value) || !option.rule.admits(static_cast<double>(*value)))
            return out_of_range(std::to_string(*value));
        *target = static_cast<Integer>(*value);
        return {};
    }
};

/// Walks one table of the file beside the table of options.
class Walk {
  public:
    Walk(std::string_view file, const std::filesystem::path& folder, const Options& options, std::string list_name)
        : file_(file), folder_(folder), options_(options), list_name_(std::move(list_name)) {}

    Result<void> run(const toml::table& table) {
        LABHUB_CHECK(visit(table, ""));
        for (const Option& option : options_.options())
            if (option.rule.is_required && !seen_.contains(option.key))
                return Error{ErrorCode::malformed, place(table) + list_name_ + option.key + " is missing",
                             option.description + "; " + type_text(option)};
        return {};
    }

  private:
    std::string place(const toml::node& node) const {
        const auto begin = node.source().begin;
        if (!begin) return std::string(file_) + ": ";
        return std::string(file_) + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column) + ": ";
    }

    Result<void> visit(const toml::table& table, const std::string& prefix) {
        for (const auto& [name, node] : table) {
            const std::string key = prefix + std::string(name.str());
            if (const Option* option = find(options_.options(), key)) {
                seen_.insert(key);
                const Assign assign{*option, node, folder_};
                if (auto assigned = std::visit(assign, option->target); !assigned)
                    return Error{assigned.error().code, place(node) + list_name_ + key + " " + assigned.error().message,
                                 assigned.error().detail};
            } else if (const OptionList* list = find(options_.lists(), key)) {
                LABHUB_CHECK(visit_list(*list, key, node));
            } else if (!has_under(key + ".")) {
                return unknown(name, prefix, key);
            } else if (const toml::table* below = node.as_table()) {
                LABHUB_CHECK(visit(*below, key + "."));
            } else {
                return Error{ErrorCode::malformed, place(node) + list_name_ + key + " is " + kind_of(node),
                             "it is a table: write its keys below [" + key + "]"};
            }
        }
        return {};
    }

    Result<void> visit_list(const OptionList& list, const std::string& key, const toml::node& node) {
        const toml::array* array = node.as_array();
        if (!array || (!array->empty() && !array->is_array_of_tables()))
            return Error{ErrorCode::malformed, place(node) + list_name_ + key + " is " + kind_of(node),
                         "it is an array of tables: write [[" + key + "]]"};
        list.clear();
        for (const toml::node& element : *array) {
            const auto load = [&](Options& options) {
                return Walk(file_, folder_, options, list_name_ + "[[" + key + "]] ").run(*element.as_table());
            };
            LABHUB_CHECK(list.with_element(true, load));
        }
        return {};
    }

    template <class Row>
    static const Row* find(const std::vector<Row>& rows, const std::string& key) {
        for (const Row& row : rows)
            if (row.key == key) return &row;
        return nullptr;
    }

    std::vector<std::string> known_keys() const {
        std::vector<std::string> keys;
        for (const Option& option : options_.options()) keys.push_back(option.key);
        for (const OptionList& list : options_.lists()) keys.push_back(list.key);
        return keys;
    }

    bool has_under(const std::string& prefix) const {
        for (const std::string& key : known_keys())
            if (key.starts_with(prefix)) return true;
        return false;
    }

    Error unknown(const toml::key& name, const std::string& prefix, const std::string& key) const {
        std::set<std::string> siblings;
        for (const std::string& known : known_keys())
            if (known.starts_with(prefix)) siblings.insert(known.substr(0, known.find('.', prefix.size())));
        std::string close = nearest(key, {siblings.begin(), siblings.end()});
        if (close.empty()) close = nearest(key, known_keys());
        std::string all;
        for (const std::string& sibling : siblings) all += (all.empty() ? "" : ", ") + sibling;
        const auto begin = name.source().begin;
        const std::string at =
            std::string(file_) + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column);
        return {ErrorCode::malformed, at + ": " + list_name_ + key + " is not a known key",
                close.empty() ? "known here: " + all : "did you mean " + close + "?"};
    }

    std::string_view file_;
    const std::filesystem::path& folder_;
    const Options& options_;
    std::string list_name_;  ///< "[[device]] " while in one, so that a message says where its key stands
    std::set<std::string> seen_;
};

}  // namespace

Result<void> Options::load_file(const std::filesystem::path& path) {
    LABHUB_TRY(const std::string text, read_file(path, 1u << 20));
    return load_text(text, path.string(), std::filesystem::absolute(path).parent_path());
}

Result<void> Options::load_text(std::string_view text, std::string_view name, const std::filesystem::path& folder) {
    toml::table table;
    try {
        table = toml::parse(text, name);
    } catch (const toml::parse_error& wrong) {
        const auto at = wrong.source().begin;
        return Error{ErrorCode::malformed,
                     std::string(name) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                         std::string(wrong.description()),
                     "the file must be TOML 1.0"};
    }
    return Walk(name, folder, *this, "").run(table);
}

}  // namespace labhub::config
