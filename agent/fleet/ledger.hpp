#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/files.hpp"
#include "shared/base/value.hpp"

namespace labhub::agent::fleet {

/// Writes down every reading that the fleet's drivers produced, as it was given to the spools, so that a test can prove
/// that each is in the store once. One line a reading: node,device,metric,time_ms,value. A reading is in the file, as
/// far as the kernel goes, before its node can send it. Thread: the fleet's.
class Ledger {
  public:
    enum class Begin { empty, at_end };
    /// Makes the file where there is none; `begin` says what becomes of one there is. Errors as open(2) gave them.
    static Result<Ledger> open(const std::filesystem::path& file, Begin begin);

    /// Errors as write(2) gave them: from then on the file is not complete.
    Result<void> record(const std::string& node, const std::string& device, const std::vector<Reading>& readings);

  private:
    Ledger(UniqueFd file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

    UniqueFd file_;
    std::string name_;
    std::string lines_;
};

}  // namespace labhub::agent::fleet
