#include "tests/support/power_cut/disk.hpp"

#include <algorithm>
#include <fstream>

namespace labhub::test {
namespace {

namespace fs = std::filesystem;
using Kind = DiskStep::Kind;

constexpr std::size_t kSector = 512;

std::string folder_of(const std::string& path) { return fs::path(path).parent_path().string(); }

void write_into(std::string& contents, const DiskStep& step) {
    if (step.kind == Kind::truncate) return contents.resize(step.offset);
    if (contents.size() < step.offset + step.bytes.size()) contents.resize(step.offset + step.bytes.size());
    contents.replace(step.offset, step.bytes.size(), step.bytes);
}

/// Whose sectors of a file's unsynced writes a cut leaves.
class Survival {
  public:
    Survival(std::size_t writes, std::mt19937_64& random)
        : random_(random), kind_(random() % 5), until_(random() % (writes + 1)), has_garbage_(random() % 4 == 0) {}

    bool keeps_write(std::size_t index) {
        switch (kind_) {
            case 0: return false;
            case 1: return true;
            case 2: return random_() % 2 == 0;
            case 3: return index <= until_;
            default: return true;  // some of its sectors
        }
    }
    bool keeps_sector(std::size_t index) {
        const bool is_torn = kind_ == 4 || (kind_ == 3 && index == until_);
        return !is_torn || random_() % 2 == 0;
    }
    /// What an unwritten stretch within a file's new length holds.
    void fill(std::string& contents, std::size_t from) {
        if (has_garbage_)
            for (std::size_t i = from; i < contents.size(); ++i) contents[i] = static_cast<char>(random_());
    }

  private:
    std::mt19937_64& random_;
    std::uint64_t kind_;
    std::size_t until_;
    bool has_garbage_;
};

}  // namespace

Disk::Disk(const DiskLog& log) : log_(log) {
    names_.files = log.names;
    names_.folders = log.folders;
    for (const auto& [file, contents] : log.contents) files_[file].synced = contents;
}

void Disk::Names::apply(const DiskStep& step) {
    switch (step.kind) {
        case Kind::create: files[step.path] = step.file; break;
        case Kind::rename: {
            const auto found = files.extract(step.path);
            if (!found.empty()) files[step.to] = found.mapped();
            break;
        }
        case Kind::remove: files.erase(step.path); break;
        case Kind::make_folder: folders.insert(step.path); break;
        default: break;
    }
}

bool Disk::Names::has_folder_of(const std::string& path) const {
    for (std::string folder = folder_of(path); !folder.empty(); folder = folder_of(folder))
        if (!folders.contains(folder)) return false;
    return true;
}

void Disk::sync_folder(const std::string& folder) {
    const auto concerns = [&](const DiskStep* step) {
        return folder_of(step->path) == folder || (!step->to.empty() && folder_of(step->to) == folder);
    };
    const auto last = std::find_if(pending_names_.rbegin(), pending_names_.rend(), concerns).base();
    for (auto step = pending_names_.begin(); step != last; ++step) names_.apply(**step);
    pending_names_.erase(pending_names_.begin(), last);
}

void Disk::play_until(std::size_t end) {
    for (; played_ < std::min(end, log_.steps.size()); ++played_) {
        const DiskStep& step = log_.steps[played_];
        File& file = files_[step.file];
        switch (step.kind) {
            case Kind::write:
            case Kind::truncate: file.pending.push_back(&step); break;
            case Kind::sync_file:
                for (const DiskStep* each : file.pending) write_into(file.synced, *each);
                file.pending.clear();
                break;
            case Kind::sync_folder: sync_folder(step.path); break;
            default: pending_names_.push_back(&step); break;
        }
    }
}

std::string Disk::contents_after_cut(const File& file, std::mt19937_64& random) {
    std::string contents = file.synced;
    Survival survival(file.pending.size(), random);
    for (std::size_t i = 0; i < file.pending.size(); ++i) {
        const DiskStep& step = *file.pending[i];
        if (!survival.keeps_write(i)) continue;
        if (step.kind == Kind::truncate) {
            write_into(contents, step);
            continue;
        }
        for (std::size_t at = 0; at < step.bytes.size();) {
            const std::size_t offset = step.offset + at;
            const std::size_t size = std::min(kSector - offset % kSector, step.bytes.size() - at);
            if (survival.keeps_sector(i)) {
                const std::size_t before = contents.size();
                if (before < offset) {
                    contents.resize(offset);
                    survival.fill(contents, before);
                }
                DiskStep part;
                part.offset = offset;
                part.bytes = step.bytes.substr(at, size);
                write_into(contents, part);
            }
            at += size;
        }
    }
    return contents;
}

void Disk::cut(const fs::path& folder, std::mt19937_64& random) const {
    fs::remove_all(folder);
    fs::create_directories(folder);
    Names names = names_;
    const std::size_t all = pending_names_.size();
    const std::size_t kept = random() % 3 == 0 ? 0 : random() % 2 == 0 ? all : random() % (all + 1);
    for (std::size_t i = 0; i < kept; ++i) names.apply(*pending_names_[i]);
    for (const auto& each : names.folders)
        if (names.has_folder_of(each)) fs::create_directories(folder / each);
    for (const auto& [path, file] : names.files) {
        if (!names.has_folder_of(path)) continue;
        const std::string contents = contents_after_cut(files_.at(file), random);
        std::ofstream(folder / path, std::ios::binary)
            .write(contents.data(), static_cast<std::streamsize>(contents.size()));
    }
}

}  // namespace labhub::test
