#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::agent::ssh_server {

struct StatusCommand {};
struct SensorsCommand {
    bool json = false;
};
struct GetCommand {
    std::string metric;
};
struct SetCommand {
    std::vector<std::pair<std::string, std::string>> values;  ///< metric, value as written
    std::string lease;                                        ///< for whoever holds one; empty: none
};
struct HoldCommand {};
struct AckCommand {
    std::string metric;  ///< the watched one, or "all"
};
struct LogsCommand {
    std::size_t lines = 50;
};
struct VersionCommand {};
struct HelpCommand {};

/// One line of `ssh node …`, understood. `device` is empty where none was named.
struct ExecCommand {
    std::string device;
    std::variant<StatusCommand, SensorsCommand, GetCommand, SetCommand, HoldCommand, AckCommand, LogsCommand,
                 VersionCommand, HelpCommand>
        what;
};

/// The grammar, for `help` and for whoever gets it wrong.
std::string_view usage();

/// Words are separated by blanks; there is no quoting, no expansion and no shell. Error malformed names the word and
/// says what would be right.
///
///     status | sensors [--json] | get METRIC | set METRIC=VALUE … [--lease ID] | hold | ack METRIC|all | logs [N] |
///     version | help and anywhere behind the first word: --device ID
Result<ExecCommand> parse_exec(std::string_view line);

}  // namespace labhub::agent::ssh_server
