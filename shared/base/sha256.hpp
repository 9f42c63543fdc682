#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace labhub {

/// SHA-256 (FIPS 180-4) of all that is added, by libcrypto. Any thread, one at a time.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::string_view bytes);
    /// 64 lower-case hexadecimal digits. Once; nothing is added after it.
    std::string hex();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace labhub
