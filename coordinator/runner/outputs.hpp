#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/base/result.hpp"

namespace labhub::coordinator::runner {

/// Bounds on what is brought out of a sandbox, and who owns it then.
struct OutputBounds {
    std::uint64_t bytes = 0;  ///< by the files' apparent sizes: a sparse file counts in full, as a zip of it would
    std::uint32_t files = 0;  ///< files and folders
    uid_t owner = 0;
    gid_t group = 0;
    bool is_durable = true;                   ///< on the disk when it is done
    const std::atomic<bool>* stop = nullptr;  ///< set by another thread: give up
};

struct BroughtOut {
    std::uint64_t bytes = 0;
    std::uint32_t files = 0;
    std::vector<std::string> notes;  ///< "output/link is a symbolic link: left out"; at most 100, then a count
};

/// Copies a script's output folder: regular files (0644) and folders (0755), nothing else. `from` was written by a
/// stranger, so every step is taken from an open folder without following links; what is left out is noted. `to` is
/// replaced. The script may still be writing. Errors when `from` can't be read or the host has no room, and conflict
/// when it was given up; a single unreadable file is a note.
Result<BroughtOut> bring_out(const std::filesystem::path& from, const std::filesystem::path& to,
                             const OutputBounds& bounds);

/// What lies below a folder, in bytes as they occupy the disk.
struct FolderUse {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;  ///< of every kind, and folders
};

/// Whether more than `most` lies below a folder that a stranger writes to; also where it is hundreds of folders deep.
/// False where it can't be read.
bool holds_more_than(const std::filesystem::path& folder, const FolderUse& most);

}  // namespace labhub::coordinator::runner
