#include "tests/fuzz/seeds.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "shared/base/files.hpp"

namespace labhub::fuzz {
namespace {

namespace fs = std::filesystem;

/// From ctest's environment; a program started by hand looks above itself.
fs::path source_folder() {
    if (const char* given = std::getenv("LABHUB_SOURCE")) return given;
    fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
    while (folder.has_relative_path() && !fs::exists(folder / "CMakePresets.json")) folder = folder.parent_path();
    return folder;
}

std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return bytes;
}

struct Line {
    std::string type, device, bytes;
};

/// Each line: the message type, the device or -, and the payload in hexadecimal.
std::vector<Line> lines_of(const char* file) {
    const auto text = read_file(source_folder() / "tests/fuzz/seeds" / file);
    if (!text) throw std::runtime_error(text.error().to_string());
    std::istringstream lines(*text);
    std::vector<Line> found;
    std::string type, device, hex;
    while (lines >> type >> device >> hex) found.push_back({type, device, from_hex(hex)});
    return found;
}

constexpr std::string_view kState = "STATE";

void read_into(std::vector<Seed>& found, const char* file) {
    for (auto& [type, device, bytes] : lines_of(file)) {
        if (type == kState) continue;
        const std::string topic = "spBv1.0/labhub/" + type + "/sim-1" + (device == "-" ? "" : "/" + device);
        found.push_back({sparkplug::parse_topic(topic).value(), std::move(bytes)});
    }
}

std::vector<std::string> read_states() {
    std::vector<std::string> found;
    for (auto& line : lines_of("hosts.txt"))
        if (line.type == kState) found.push_back(std::move(line.bytes));
    return found;
}

std::vector<Seed> read_seeds() {
    std::vector<Seed> found;
    for (const char* file : {"agent.txt", "others.txt"}) read_into(found, file);
    return found;
}

std::vector<Seed> read_command_seeds() {
    std::vector<Seed> found;
    read_into(found, "hosts.txt");
    return found;
}

}  // namespace

const std::vector<Seed>& seeds() {
    static const std::vector<Seed> found = read_seeds();
    return found;
}

const Seed& seed_of(sparkplug::MessageType type) {
    return *std::find_if(seeds().begin(), seeds().end(), [&](const Seed& seed) { return seed.topic.type == type; });
}

const std::vector<Seed>& command_seeds() {
    static const std::vector<Seed> found = read_command_seeds();
    return found;
}

const std::vector<std::string>& state_seeds() {
    static const std::vector<std::string> found = read_states();
    return found;
}

}  // namespace labhub::fuzz
