#include "coordinator/domain/images/image.hpp"

#include <algorithm>
#include <array>

#include "shared/base/text.hpp"

namespace labhub::coordinator::images {
namespace {

constexpr std::size_t kNamesTold = 3;
/// What scripts of a lab want beyond Python itself, as far as an image has it.
constexpr std::array<std::string_view, 7> kUsual{"matplotlib", "numpy",   "pandas", "requests",
                                                 "scipy",      "sklearn", "labhub"};

/// How many letters have to be changed, added, removed or swapped with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string lower(std::string_view text) {
    std::string lowered{text};
    for (char& c : lowered)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return lowered;
}

/// Close enough to have been meant, the closest first.
std::vector<std::string> closest(const std::string& wanted, const std::vector<std::string>& modules) {
    std::vector<std::pair<std::size_t, std::string>> ranked;
    const std::string name = lower(wanted.substr(0, 64));
    for (const auto& module : modules) {
        if (module.size() > 64 || module.starts_with("_")) continue;
        const std::size_t far = distance(name, lower(module));
        if (far <= std::max<std::size_t>(1, name.size() / 3)) ranked.emplace_back(far, module);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> names;
    for (const auto& [far, module] : ranked)
        if (names.size() < kNamesTold) names.push_back(module);
    return names;
}

std::string join(const std::vector<std::string>& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

bool has(const std::vector<std::string>& modules, std::string_view name) {
    return std::binary_search(modules.begin(), modules.end(), name, std::less<>{});
}

std::string available(const std::string& wanted, const std::vector<std::string>& modules) {
    const auto close = closest(wanted, modules);
    std::vector<std::string> usual;
    for (const auto name : kUsual)
        if (has(modules, name)) usual.emplace_back(name);
    std::string text = close.empty() ? "" : "closest: " + join(close) + "; ";
    text += "available: " + (usual.empty() ? "" : join(usual) + " and ") + "Python's standard library";
    return text;
}

}  // namespace

bool may_use(const std::vector<std::string>& roles, std::string_view role) {
    return roles.empty() || std::find(roles.begin(), roles.end(), role) != roles.end();
}

Result<void> check_imports(const std::vector<Import>& imports, const std::vector<std::string>& modules,
                           std::string_view image) {
    for (const auto& each : imports) {
        if (each.module == "__future__" || each.module == "__main__" || has(modules, each.module)) continue;
        return Error{ErrorCode::malformed,
                     "line " + std::to_string(each.line) + ": the image '" + std::string(image) + "' has no module '" +
                         printable(each.module, 64) + "'",
                     available(each.module, modules)};
    }
    return {};
}

}  // namespace labhub::coordinator::images
