#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "shared/base/result.hpp"

namespace labhub::cli::up {

/// Whether 127.0.0.1:port can be listened on now. Error conflict names the port; other errors as bind(2).
Result<void> check_port_is_free(std::uint16_t port);
/// A port of 127.0.0.1 nobody listens on, chosen by the kernel.
Result<std::uint16_t> free_port();
/// Whether somebody accepts connections on 127.0.0.1:port.
bool is_listened_on(std::uint16_t port);

/// The ports of one folder, by name ("broker", "sim-1"): the same at each start as long as they are free, so that what
/// a person typed yesterday works today.
class Ports {
  public:
    /// What the file remembers; nothing when it isn't there or can't be read.
    explicit Ports(std::filesystem::path file);
    /// The remembered port of that name if it is free, else a new one, which is remembered.
    Result<std::uint16_t> take(const std::string& name);

  private:
    Result<void> save() const;

    std::filesystem::path file_;
    std::map<std::string, std::uint16_t> ports_;
};

}  // namespace labhub::cli::up
