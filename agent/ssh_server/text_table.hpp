#pragma once

#include <string>
#include <vector>

namespace labhub::agent::ssh_server {

enum class Align { left, right };

/// Rows of text in aligned columns, two blanks apart. Widths are counted in characters of UTF-8.
class TextTable {
  public:
    explicit TextTable(std::vector<Align> columns) : columns_(std::move(columns)) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string to_string() const;

  private:
    std::vector<Align> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace labhub::agent::ssh_server
