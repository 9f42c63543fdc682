#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace labhub::cli::testing {

/// Writes a zip with these files (name, content). A content beginning with "-> " makes a symbolic link.
void write_zip(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& files);

/// An empty folder of the running test; removed at its end.
class TestFolder {
  public:
    TestFolder();
    ~TestFolder();
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace labhub::cli::testing
