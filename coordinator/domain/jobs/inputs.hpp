#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/domain/jobs/job.hpp"
#include "shared/base/files.hpp"
#include "shared/base/result.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::jobs {

/// Names that are one file's in a folder and nothing else, wherever they are unpacked: 1 to 128 bytes of UTF-8 without
/// control characters, '/' and '\', not beginning with '.'; each once, whatever the case of its letters; at most
/// kMostInputs. Errors malformed, too_large.
Result<void> check_input_names(const std::vector<InputFile>& inputs);
inline constexpr std::size_t kMostInputs = 100;

struct InputSettings {
    std::filesystem::path folder;
    std::int64_t most_bytes = 1LL << 30;          ///< of one experiment's files together
    std::int64_t most_bytes_of_one = 4LL << 30;   ///< of one owner's that are kept here
    std::int64_t most_bytes_of_all = 10LL << 30;  ///< that are kept here
    std::chrono::hours keep{24};                  ///< what no waiting experiment needs, after it was last asked for
};

/// The input files that were sent and wait to be used, each under its owner and the SHA-256 of its content, which names
/// it from then on. Whoever didn't send a file is told that it isn't there, as the sum alone must not be the right to
/// read it. A file is there whole or not at all, whoever dies. An experiment gets it as a link to the same bytes, so
/// that what becomes of it here does not matter to a result. Everything here blocks, and may be called from any thread.
/// An owner is a principal, "user:ada".
class Inputs {
  public:
    explicit Inputs(InputSettings settings);

    /// A file that is coming in; forgotten with this unless finish() succeeded. One thread at a time.
    class Upload {
      public:
        ~Upload();
        Upload(const Upload&) = delete;
        Upload& operator=(const Upload&) = delete;
        /// Errors too_large, too_many (no room for it among the others), storage_full.
        Result<void> add(std::string_view bytes);
        /// The file, without a name. It is on the disk.
        Result<InputFile> finish();

      private:
        friend class Inputs;
        Upload(Inputs& inputs, std::string owner, std::filesystem::path path, UniqueFd file);
        Inputs& inputs_;
        std::string owner_;
        std::filesystem::path path_;
        UniqueFd file_;
        Sha256 sum_;
        std::int64_t size_ = 0;
    };
    /// Errors too_many (as many come in now as may), storage_full.
    Result<std::unique_ptr<Upload>> begin(std::string owner);
    static constexpr std::size_t kMostUploads = 16;
    static constexpr std::size_t kMostUploadsOfOne = 4;

    /// The file of that sum; it stays for another while. Errors not_found, malformed.
    Result<InputFile> find(const std::string& owner, const std::string& sha256);
    /// The same for each of `inputs`, which get their sizes. Errors as find, and too_large for all together.
    Result<std::vector<InputFile>> find_all(const std::string& owner, std::vector<InputFile> inputs);
    /// Takes in a file of an earlier result that the owner may read, unless it is here. Errors not_found, corrupt (it
    /// is not what it was).
    Result<void> take_back(const std::string& owner, const std::filesystem::path& file, const InputFile& input);
    /// Fills the folder `target`, made anew, with the files under their names. Nothing for no files. Errors not_found.
    Result<void> place(const std::string& owner, const std::vector<InputFile>& inputs,
                       const std::filesystem::path& target);
    /// Removes what nobody has asked for in a while, but for those with these keys, and what is left of uploads.
    /// Returns how many.
    Result<std::size_t> tidy(const std::set<std::string>& used);
    /// What tidy() knows a file by.
    static std::string key_of(const std::string& owner, const std::string& sha256);

    const InputSettings& settings() const { return settings_; }

  private:
    std::filesystem::path folder_of(const std::string& owner) const;
    std::filesystem::path path_of(const std::string& owner, const std::string& sha256) const;
    Result<void> reserve(const std::string& folder, std::int64_t bytes);
    void give_back(const std::string& folder, std::int64_t bytes);
    Result<void> count_in(const std::string& owner);
    void count_out(const std::string& owner);
    Result<std::size_t> tidy_folder(const std::filesystem::path& folder, const std::set<std::string>& used);

    InputSettings settings_;
    std::mutex mutex_;  ///< of what follows
    std::int64_t bytes_ = 0;
    std::map<std::string, std::int64_t> bytes_of_;  ///< by the owner's folder
    std::size_t uploads_ = 0;
    std::map<std::string, std::size_t> uploads_of_;  ///< by owner
};

}  // namespace labhub::coordinator::jobs
