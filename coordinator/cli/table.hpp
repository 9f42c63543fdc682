#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace labhub::cli {

/// Aligned text for people: a header, then rows, columns two blanks apart and numbers flush right.
class Table {
  public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// One cell for each column.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }
    /// All lines; the header in bold where that is `styled`. No blanks at the ends of lines.
    std::string text(bool styled) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// How many places the text takes on a terminal, one for each code point.
std::size_t width_of(std::string_view text);

}  // namespace labhub::cli
