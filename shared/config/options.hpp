#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/config/rule.hpp"

namespace labhub::config {

/// Where an option's value goes. Durations are written as text ("1h30m", "500ms") or as plain seconds.
using Target = std::variant<std::string*, bool*, int*, std::int64_t*, std::uint16_t*, std::uint32_t*, std::uint64_t*,
                            double*, std::optional<double>*, std::chrono::milliseconds*, std::filesystem::path*,
                            std::vector<std::string>*, std::map<std::string, std::chrono::milliseconds>*>;

class Options;

/// One key of a configuration file.
struct Option {
    std::string key;  ///< dotted: "mqtt.port" is `port` in `[mqtt]`
    Target target;
    std::string description;  ///< one line for people, without a final stop
    Rule rule;
    std::string default_text;  ///< the target's value when the option was added, as TOML; empty for an empty value
};

/// An array of tables: `[[device]]`, each with the same options.
struct OptionList {
    std::string key;
    std::string description;
    std::function<void()> clear;
    /// Describes a fresh element, lets `visit` see its options, and keeps the element if told to and visit succeeded.
    std::function<Result<void>(bool keep, const std::function<Result<void>(Options&)>& visit)> with_element;
};

/// The table of everything a program's configuration file (TOML) may say. From this one table come the loader with its
/// error messages, the text of --help and the reference page, so that they can't differ.
///
///     Options options;
///     options.add("mqtt.port", &settings.mqtt_port, "TCP port of the broker", config::range(1, 65535));
///     options.list("ssh.authorized_key", &settings.keys, "Who may log in", [](Options& item, AuthorizedKey& key) {
///         item.add("name", &key.name, "Who this is, for the log", config::required());
///     });
///     auto loaded = options.load_file("agent.toml");
///
/// Holds pointers to the settings, which must outlive it; what a target holds when it is added is its default. Used by
/// one thread, at start.
class Options {
  public:
    void add(std::string key, Target target, std::string description, Rule rule = {});

    /// `describe(Options& item, T& element)` adds the options of one element. It is called for each table in the file,
    /// and for the reference with an element that is thrown away. Elements in the file replace those already in
    /// `items`.
    template <class T, class Describe>
    void list(std::string key, std::vector<T>* items, std::string description, Describe describe) {
        OptionList row;
        row.key = std::move(key);
        row.description = std::move(description);
        row.clear = [items] { items->clear(); };
        row.with_element = [items, describe](bool keep, const std::function<Result<void>(Options&)>& visit) {
            T element{};
            Options options;
            describe(options, element);
            Result<void> visited = visit(options);
            if (visited && keep) items->push_back(std::move(element));
            return visited;
        };
        lists_.push_back(std::move(row));
    }

    /// Reads the file into the targets. Relative paths in it are taken from the file's folder. Error malformed for what
    /// can't be right (syntax, unknown key, wrong type, out of range, missing), with file:line:column and what would be
    /// right; otherwise as read_file. After an error the targets may be partly changed.
    Result<void> load_file(const std::filesystem::path& path);
    /// The same from text; `name` stands for the file in messages, `folder` is where relative paths begin.
    Result<void> load_text(std::string_view text, std::string_view name = "configuration",
                           const std::filesystem::path& folder = {});

    /// A Markdown table of all options: key, type and range, default, meaning.
    std::string reference() const;
    /// The same as aligned plain text, for --help.
    std::string help() const;

    const std::vector<Option>& options() const { return options_; }
    const std::vector<OptionList>& lists() const { return lists_; }

  private:
    std::vector<Option> options_;
    std::vector<OptionList> lists_;
};

/// What may be written for the option, for people: "integer, 1 to 65535", "duration, 100ms to 1h", "text, one of: a,
/// b".
std::string type_text(const Option& option);

}  // namespace labhub::config
