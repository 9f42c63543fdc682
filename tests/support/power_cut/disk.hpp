#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace labhub::test {

/// One thing done to a disk. Paths are relative to the recorded folder.
struct DiskStep {
    enum class Kind { write, truncate, sync_file, create, rename, remove, make_folder, sync_folder };
    Kind kind{};
    std::uint32_t file = 0;  ///< which one, whatever its name is now
    std::uint64_t offset = 0;
    std::string bytes;
    std::string path, to;
};

/// What a disk held in the beginning, and all that was done to it since, in order.
struct DiskLog {
    std::map<std::string, std::uint32_t> names;  ///< in the beginning
    std::map<std::uint32_t, std::string> contents;
    std::set<std::string> folders;
    std::vector<DiskStep> steps;
};

/// Writes down what this process does to the files below a folder, SQLite's calls among them, as long as it lives: one
/// at a time in a process. Syncs are noted and not carried out. Any thread. SQLite's shared memory (-shm) is left out:
/// it means nothing after a power cut.
class DiskRecording {
  public:
    /// What is in the folder counts as safely on disk.
    explicit DiskRecording(const std::filesystem::path& folder);
    ~DiskRecording();
    DiskRecording(const DiskRecording&) = delete;
    DiskRecording& operator=(const DiskRecording&) = delete;
    /// How many steps there were so far: the present moment.
    std::size_t now() const;
    /// Ends it.
    DiskLog stop();

    struct Recorder;

  private:
    std::unique_ptr<Recorder> recorder_;
};

/// A disk as a power cut finds it. What was synced is there. Of the writes to a file since its last sync, any sectors
/// are, or all, or none, or those before some moment. Names (created, renamed, removed) are on disk when their folder
/// was synced, and with them all that were changed before, as a journaling file system has it; of the later ones those
/// before some moment. A sync of a file says nothing of its name.
class Disk {
  public:
    explicit Disk(const DiskLog& log);
    /// Does all steps before `step`, which is not before the one of the last call.
    void play_until(std::size_t step);
    /// Writes what a power cut now may leave into the folder, which is emptied first.
    void cut(const std::filesystem::path& folder, std::mt19937_64& random) const;

  private:
    struct File {
        std::string synced;
        std::vector<const DiskStep*> pending;
    };
    struct Names {
        std::map<std::string, std::uint32_t> files;
        std::set<std::string> folders;
        void apply(const DiskStep& step);
        bool has_folder_of(const std::string& path) const;
    };
    static std::string contents_after_cut(const File& file, std::mt19937_64& random);
    void sync_folder(const std::string& folder);

    const DiskLog& log_;
    std::size_t played_ = 0;
    std::map<std::uint32_t, File> files_;
    Names names_;
    std::vector<const DiskStep*> pending_names_;
};

}  // namespace labhub::test
