#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::images {

/// SHA-256 (FIPS 180-4) of what is added, as lower-case hexadecimal.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::string_view bytes);
    /// Once.
    std::string hex();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_of(std::string_view bytes);
/// Errors as open(2) and read(2) gave them; a symbolic link is not followed.
Result<std::string> sha256_of_file(const std::filesystem::path& path);

}  // namespace labhub::coordinator::images
