#include "agent/ssh_server/exec_grammar.hpp"

#include <charconv>
#include <optional>

#include "shared/base/ids.hpp"
#include "shared/base/text.hpp"

namespace labhub::agent::ssh_server {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::size_t kMaxLogLines = 500;

Words words_of(std::string_view line) {
    Words words;
    while (true) {
        line = trim(line);
        if (line.empty()) return words;
        const auto end = line.find_first_of(" \t\r\n");
        words.push_back(line.substr(0, end));
        if (end == std::string_view::npos) return words;
        line.remove_prefix(end);
    }
}

Error wrong(std::string message, std::string right) {
    return {ErrorCode::malformed, std::move(message), std::move(right)};
}

std::string shown(std::string_view word) { return "'" + printable(word, 64) + "'"; }

/// Takes `--name VALUE` or `--name=VALUE` out of the words; empty if it isn't there.
Result<std::string> take_option(Words& words, std::string_view name) {
    for (auto at = words.begin(); at != words.end(); ++at) {
        if (!at->starts_with(name)) continue;
        std::string_view value = at->substr(name.size());
        auto end = at + 1;
        if (value.empty()) {
            if (end == words.end()) return wrong(std::string(name) + " needs a value", std::string(name) + " ID");
            value = *end++;
        } else if (value.front() == '=') {
            value.remove_prefix(1);
        } else {
            continue;
        }
        LABHUB_CHECK(check_name(name.substr(2), value));
        const std::string taken(value);
        words.erase(at, end);
        return taken;
    }
    return std::string{};
}

Result<void> no_more(const Words& words, std::size_t used) {
    if (words.size() <= used) return {};
    return wrong(shown(words[used]) + " is not expected after '" + std::string(words[0]) + "'", "see: help");
}

Result<SetCommand> parse_set(const Words& words) {
    SetCommand set;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto equals = words[i].find('=');
        if (words[i].starts_with("--"))
            return wrong(shown(words[i]) + " is not an option of set", "--device ID or --lease ID");
        if (equals == std::string_view::npos || equals == 0 || equals + 1 == words[i].size())
            return wrong(shown(words[i]) + " is not a setting", "write METRIC=VALUE without blanks, as in stirrer=40");
        set.values.emplace_back(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
    if (set.values.empty()) return wrong("set needs something to set", "set METRIC=VALUE …, as in: set stirrer=40");
    return set;
}

Result<LogsCommand> parse_logs(const Words& words) {
    LogsCommand logs;
    if (words.size() == 1) return logs;
    const std::string_view text = words[1];
    const auto [after, failure] = std::from_chars(text.data(), text.data() + text.size(), logs.lines);
    if (failure != std::errc{} || after != text.data() + text.size() || logs.lines < 1 || logs.lines > kMaxLogLines)
        return wrong(shown(text) + " is not a number of lines", "1 to " + std::to_string(kMaxLogLines));
    LABHUB_CHECK(no_more(words, 2));
    return logs;
}

Result<ExecCommand> parse_rest(ExecCommand command, Words words) {
    const std::string_view verb = words[0];
    if (verb == "get") {
        if (words.size() < 2) return wrong("get needs the name of a metric", "get METRIC, as in: get vial_A_temp");
        LABHUB_CHECK(no_more(words, 2));
        command.what = GetCommand{std::string(words[1])};
        return command;
    }
    if (verb == "ack") {
        if (words.size() < 2) return wrong("ack needs the metric of an alarm", "ack METRIC, or: ack all");
        LABHUB_CHECK(no_more(words, 2));
        command.what = AckCommand{std::string(words[1])};
        return command;
    }
    if (verb == "set") {
        LABHUB_TRY(const std::string lease, take_option(words, "--lease"));
        LABHUB_TRY(SetCommand set, parse_set(words));
        set.lease = lease;
        command.what = std::move(set);
        return command;
    }
    if (verb == "logs") {
        LABHUB_TRY(command.what, parse_logs(words));
        return command;
    }
    SensorsCommand sensors;
    sensors.json = verb == "sensors" && words.size() > 1 && words[1] == "--json";
    LABHUB_CHECK(no_more(words, sensors.json ? 2 : 1));
    if (verb == "status")
        command.what = StatusCommand{};
    else if (verb == "sensors")
        command.what = sensors;
    else if (verb == "hold")
        command.what = HoldCommand{};
    else if (verb == "version")
        command.what = VersionCommand{};
    else
        command.what = HelpCommand{};
    return command;
}

}  // namespace

std::string_view usage() {
    return "status                     the node, its devices, who is in control\n"
           "sensors [--json]           the latest reading of every metric\n"
           "get METRIC                 one reading\n"
           "set METRIC=VALUE …         change actuators, as in: set stirrer=40 led=on\n"
           "hold                       every actuator to its safe value, now\n"
           "ack METRIC|all             says that you have seen an alarm of this node\n"
           "logs [N]                   the last N lines of the agent's log (50)\n"
           "version                    of the agent\n"
           "With several devices add --device ID. A device that is leased can be set with --lease ID only.\n";
}

Result<ExecCommand> parse_exec(std::string_view line) {
    Words words = words_of(line);
    if (words.empty()) return wrong("no command", "one of: status, sensors, get, set, hold, ack, logs, version, help");
    constexpr std::string_view kVerbs[] = {"status", "sensors", "get", "set", "hold", "ack", "logs", "version", "help"};
    bool known = false;
    for (const std::string_view verb : kVerbs) known = known || words[0] == verb;
    if (!known)
        return wrong(shown(words[0]) + " is not a command",
                     "one of: status, sensors, get, set, hold, ack, logs, version, help");
    ExecCommand command;
    LABHUB_TRY(command.device, take_option(words, "--device"));
    return parse_rest(std::move(command), std::move(words));
}

}  // namespace labhub::agent::ssh_server
