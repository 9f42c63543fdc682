#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::coordinator::jobs {

/// A CSV file (RFC 4180) written line by line to a temporary file and renamed when it is whole.
class CsvFile {
  public:
    static Result<std::shared_ptr<CsvFile>> create(std::filesystem::path target);
    ~CsvFile();
    CsvFile(const CsvFile&) = delete;
    CsvFile& operator=(const CsvFile&) = delete;

    Result<void> line(const std::vector<std::string>& fields);
    Result<void> finish();

  private:
    explicit CsvFile(std::filesystem::path target) : target_(std::move(target)) {}
    std::string temporary() const { return target_.string() + ".tmp"; }

    std::filesystem::path target_;
    std::FILE* stream_ = nullptr;
};

}  // namespace labhub::coordinator::jobs
