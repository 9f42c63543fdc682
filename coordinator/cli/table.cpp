#include "coordinator/cli/table.hpp"

#include <algorithm>

namespace labhub::cli {

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string Table::text(bool styled) const {
    std::vector<std::string> titles;
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) {
        titles.push_back(column.title);
        widths.push_back(width_of(column.title));
    }
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));

    const auto line_of = [&](const std::vector<std::string>& cells) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const std::string fill(widths[i] - width_of(cells[i]), ' ');
            line += (i ? "  " : "") + (columns_[i].align == Align::right ? fill + cells[i] : cells[i] + fill);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        return line;
    };
    const std::string header = line_of(titles);
    std::string all = (styled ? "\x1b[1m" + header + "\x1b[0m" : header) + "\n";
    for (const auto& row : rows_) all += line_of(row) + "\n";
    return all;
}

}  // namespace labhub::cli
