#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "shared/base/error.hpp"

namespace labhub::cli {

/// The person's terminal, or whatever takes its place. Results go to standard output, remarks and errors to standard
/// error, so that output can be piped. On a terminal one live line can stand below everything printed; it is taken away
/// before other text comes and put back after. One thread.
class Console {
  public:
    /// `is_json`: results are wanted for programs.
    explicit Console(bool is_json);
    ~Console() { live({}); }
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    bool is_json() const { return is_json_; }
    /// Whether a live line can be seen: standard error is a terminal.
    bool has_live_line() const { return is_terminal_; }
    /// Whether standard output takes bold text: a terminal, and NO_COLOR is not set.
    bool is_styled() const { return is_styled_; }

    /// Result text, as it is.
    void print(std::string_view text);
    /// A result for programs: one indented JSON document.
    void print_json(const boost::json::value& value);
    /// Text for standard error, as it is.
    void print_error(std::string_view text);
    /// A remark, one line.
    void note(std::string_view line);
    /// "labhub: message (detail)" on standard error; with --json also as the hub's error shape on standard output.
    void fail(const Error& error);
    /// Shows `line` below everything, cut to the terminal's width; empty takes it away. Nothing without a terminal.
    void live(std::string line);

  private:
    void write(int fd, std::string_view text);

    bool is_json_;
    bool is_terminal_;
    bool is_styled_;
    std::string live_;
};

}  // namespace labhub::cli
