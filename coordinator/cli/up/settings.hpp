#pragma once

#include <cstdint>
#include <filesystem>

namespace labhub::cli::up {

/// What `labhub up` was asked for.
struct Settings {
    std::filesystem::path data = "labhub-data";
    std::uint16_t port = 8700;
    unsigned simulated_nodes = 1;
    double speed = 1;
    std::uint64_t seed = 1;
};

}  // namespace labhub::cli::up
