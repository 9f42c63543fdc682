#include "coordinator/cli/console.hpp"

#include <cerrno>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/cli/table.hpp"
#include "shared/base/json.hpp"

namespace labhub::cli {
namespace {

constexpr std::string_view kTakeAway = "\r\x1b[K";

std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string cut(std::string line, std::size_t width) {
    while (width_of(line) > width) {
        while ((static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) line.pop_back();
        line.pop_back();
    }
    return line;
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR) return;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

Console::Console(bool is_json)
    : is_json_(is_json),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      is_styled_(::isatty(STDOUT_FILENO) == 1 && !std::getenv("NO_COLOR")) {}

void Console::write(int fd, std::string_view text) {
    if (live_.empty()) return write_all(fd, text);
    write_all(STDERR_FILENO, kTakeAway);
    write_all(fd, text);
    // On a line that has not ended the live line would stand in the middle of what is being written.
    if (text.ends_with('\n'))
        write_all(STDERR_FILENO, live_);
    else
        live_.clear();
}

void Console::print(std::string_view text) { write(STDOUT_FILENO, text); }

void Console::print_json(const boost::json::value& value) { print(to_pretty_json(value) + "\n"); }

void Console::print_error(std::string_view text) { write(STDERR_FILENO, text); }

void Console::note(std::string_view line) { write(STDERR_FILENO, std::string(line) + "\n"); }

void Console::fail(const Error& error) {
    live({});
    note("labhub: " + error.to_string());
    if (!is_json_) return;
    boost::json::object inner{{"code", code_name(error.code)}, {"message", error.message}, {"detail", error.detail}};
    print_json(boost::json::object{{"status", "error"}, {"error", std::move(inner)}});
}

void Console::live(std::string line) {
    if (!is_terminal_) return;
    line = cut(std::move(line), terminal_width() - 1);
    if (line == live_) return;
    write_all(STDERR_FILENO, std::string(kTakeAway) + line);
    live_ = std::move(line);
}

}  // namespace labhub::cli
