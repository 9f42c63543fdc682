#include "coordinator/images/declaration.hpp"

#include <algorithm>
#include <set>

#include "shared/base/files.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/text.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

bool is_package_name(std::string_view name) {
    return name.size() >= 2 && name.size() <= 128 && name[0] >= '0' &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") == std::string_view::npos;
}

Result<void> check(const Declaration& declared) {
    LABHUB_CHECK(check_name("image name", declared.name));
    if (declared.packages.empty()) return Error{ErrorCode::malformed, "'packages' is empty"};
    for (const auto& package : declared.packages)
        if (!is_package_name(package))
            return Error{ErrorCode::malformed, "'" + printable(package, 64) + "' is no name of a Debian package"};
    for (const auto& folder : declared.leave_out)
        if (folder.empty() || folder.front() == '/' || folder.find("..") != std::string::npos ||
            folder.find_first_of("*?[") != std::string::npos)
            return Error{ErrorCode::malformed, "'" + printable(folder, 64) + "' can't be left out",
                         "write a path below the root, as usr/share/doc"};
    if (!declared.suite.empty()) LABHUB_CHECK(check_name("suite", declared.suite));
    return {};
}

/// Words of a line, as apt splits them.
std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    for (const auto& part : split(line, ' '))
        if (!trim(part).empty()) words.emplace_back(trim(part));
    return words;
}

bool is_of(const std::string& word, const std::string& suite) {
    return word == suite || word.starts_with(suite + "-") || word.starts_with(suite + "/");
}

/// One paragraph of a .sources file, kept where it carries the suite, with no other suite in it.
std::string stanza_of(const std::string& stanza, const std::string& suite, std::set<std::string>& seen) {
    std::string kept;
    bool is_wanted = false;
    for (const auto& line : split(stanza, '\n')) {
        const std::string text{line};
        if (text.starts_with("#") || trim(text).empty()) continue;
        if (text.starts_with("Enabled:") && text.find("no") != std::string::npos) return {};
        if (!text.starts_with("Suites:")) {
            kept += text + "\n";
            continue;
        }
        std::string suites;
        for (const auto& word : words_of(text.substr(7))) {
            seen.insert(word);
            if (is_of(word, suite)) suites += " " + word;
        }
        is_wanted = !suites.empty();
        kept += "Suites:" + suites + "\n";
    }
    return is_wanted ? kept + "\n" : "";
}

std::string from_deb822(const std::string& text, const std::string& suite, std::set<std::string>& seen) {
    std::string kept, stanza;
    for (const auto& line : split(text, '\n')) {
        if (!trim(line).empty()) {
            stanza += std::string(line) + "\n";
            continue;
        }
        kept += stanza_of(stanza, suite, seen);
        stanza.clear();
    }
    return kept + stanza_of(stanza, suite, seen);
}

/// "deb [signed-by=…] URI SUITE COMPONENT…" as a paragraph.
std::string from_one_line(const std::string& line, const std::string& suite, std::set<std::string>& seen) {
    auto words = words_of(line.substr(0, line.find('#')));
    if (words.size() < 4 || words[0] != "deb") return {};
    std::string signed_by;
    std::size_t at = 1;
    if (words[1].starts_with("[")) {
        while (at < words.size()) {
            const std::string word = words[at++];
            if (const auto key = word.find("signed-by="); key != std::string::npos)
                signed_by = word.substr(key + 10, word.find(']', key) - key - 10);
            if (word.ends_with("]")) break;
        }
    }
    if (at + 2 >= words.size() + 1 || at + 1 >= words.size()) return {};
    seen.insert(words[at + 1]);
    if (!is_of(words[at + 1], suite)) return {};
    std::string stanza = "Types: deb\nURIs: " + words[at] + "\nSuites: " + words[at + 1] + "\n";
    if (at + 2 < words.size()) stanza += "Components:";
    for (std::size_t i = at + 2; i < words.size(); ++i) stanza += " " + words[i];
    if (at + 2 < words.size()) stanza += "\n";
    if (!signed_by.empty()) stanza += "Signed-By: " + signed_by + "\n";
    return stanza + "\n";
}

std::vector<fs::path> source_files(const fs::path& apt) {
    std::vector<fs::path> files{apt / "sources.list"};
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(apt / "sources.list.d", none)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

Result<Declaration> read_declaration(const fs::path& file) {
    Declaration declared;
    config::Options options;
    options.add("name", &declared.name, "Name of the image", config::required());
    options.add("description", &declared.description, "What it is for");
    options.add("suite", &declared.suite, "Debian suite; empty: the host's own");
    options.add("packages", &declared.packages, "Debian packages");
    options.add("leave_out", &declared.leave_out, "Folders no script needs");
    LABHUB_CHECK(options.load_file(file));
    if (const auto checked = check(declared); !checked) return checked.error().within(file.string());
    if (declared.suite.empty()) {
        LABHUB_TRY(declared.suite, host_suite());
    }
    return declared;
}

Result<std::string> host_suite() {
    const auto text = read_file("/etc/os-release", 1u << 16);
    constexpr std::string_view kKey = "VERSION_CODENAME=";
    if (text)
        for (const auto& line : split(*text, '\n'))
            if (line.starts_with(kKey)) {
                std::string suite{trim(line.substr(kKey.size()))};
                std::erase(suite, '"');
                if (!suite.empty()) return suite;
            }
    return Error{ErrorCode::unsupported, "this host names no Debian suite in /etc/os-release",
                 "name one as 'suite' in the image's declaration"};
}

Result<std::string> sources_of(const fs::path& apt, const std::string& suite) {
    std::string kept;
    std::set<std::string> seen;
    for (const auto& file : source_files(apt)) {
        const auto text = read_file(file, 1u << 20);
        if (!text) continue;
        if (file.extension() == ".sources") kept += from_deb822(*text, suite, seen);
        if (file.extension() == ".list")
            for (const auto& line : split(*text, '\n')) kept += from_one_line(std::string(line), suite, seen);
    }
    if (!kept.empty()) return kept;
    std::string all;
    for (const auto& each : seen) all += (all.empty() ? "" : ", ") + each;
    return Error{ErrorCode::not_found, "no package source of this host carries the suite '" + suite + "'",
                 seen.empty() ? "there are no sources in " + apt.string() : "there are: " + all};
}

}  // namespace labhub::coordinator::images
