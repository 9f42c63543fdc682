#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <fstream>
#include <mutex>
#include <unordered_map>

#include "tests/support/power_cut/disk.hpp"

namespace labhub::test {

namespace fs = std::filesystem;
using Kind = DiskStep::Kind;

struct DiskRecording::Recorder {
    explicit Recorder(const fs::path& folder) : root(folder.string() + "/") {
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            const std::string name = entry.path().string().substr(root.size());
            if (entry.is_directory()) {
                log.folders.insert(name);
                continue;
            }
            log.names[name] = ++files;
            std::string& contents = log.contents[files];
            contents.resize(entry.file_size());
            std::ifstream(entry.path(), std::ios::binary)
                .read(contents.data(), static_cast<std::streamsize>(contents.size()));
        }
        names = log.names;
    }

    /// Relative to the root; nothing for a path that isn't recorded.
    std::string inside(const char* path) const {
        const std::string_view text(path);
        if (!text.starts_with(root) || text.ends_with("-shm")) return {};
        return std::string(text.substr(root.size()));
    }

    void opened(const char* path, int flags, int handle) {
        struct stat what {};
        if (::fstat(handle, &what) != 0) return;
        const std::lock_guard lock(mutex);
        if (S_ISDIR(what.st_mode)) {
            const std::string text = std::string(path) + "/";
            if (text.starts_with(root)) folders[handle] = text == root ? "" : inside(path);
            return;
        }
        const std::string name = inside(path);
        if (name.empty()) return;
        auto [found, is_new] = names.try_emplace(name, files + 1);
        if (is_new) add({Kind::create, ++files, 0, "", name, ""});
        handles[handle] = found->second;
        if ((flags & O_TRUNC) && !is_new) add({Kind::truncate, found->second, 0, "", "", ""});
    }
    void closed(int handle) {
        const std::lock_guard lock(mutex);
        handles.erase(handle);
        folders.erase(handle);
    }
    void written(int handle, std::uint64_t offset, const void* bytes, std::size_t size) {
        const std::lock_guard lock(mutex);
        if (const auto found = handles.find(handle); found != handles.end())
            add({Kind::write, found->second, offset, std::string(static_cast<const char*>(bytes), size), "", ""});
    }
    void truncated(int handle, std::uint64_t size) {
        const std::lock_guard lock(mutex);
        if (const auto found = handles.find(handle); found != handles.end())
            add({Kind::truncate, found->second, size, "", "", ""});
    }
    /// Whether it is one of ours, and so needs no real sync.
    bool synced(int handle) {
        const std::lock_guard lock(mutex);
        if (const auto found = handles.find(handle); found != handles.end())
            return add({Kind::sync_file, found->second, 0, "", "", ""}), true;
        const auto folder = folders.find(handle);
        if (folder == folders.end()) return false;
        return add({Kind::sync_folder, 0, 0, "", folder->second, ""}), true;
    }
    void renamed(const char* from, const char* to) {
        const std::string old_name = inside(from), new_name = inside(to);
        const std::lock_guard lock(mutex);
        const auto found = names.extract(old_name);
        if (found.empty()) return;
        names[new_name] = found.mapped();
        add({Kind::rename, found.mapped(), 0, "", old_name, new_name});
    }
    void removed(const char* path) {
        const std::string name = inside(path);
        const std::lock_guard lock(mutex);
        if (names.erase(name) > 0) add({Kind::remove, 0, 0, "", name, ""});
    }
    void folder_made(const char* path) {
        const std::string name = inside(path);
        const std::lock_guard lock(mutex);
        if (!name.empty()) add({Kind::make_folder, 0, 0, "", name, ""});
    }
    void add(DiskStep step) { log.steps.push_back(std::move(step)); }

    const std::string root;
    std::mutex mutex;
    DiskLog log;
    std::uint32_t files = 0;
    std::map<std::string, std::uint32_t> names;  ///< as they are now
    std::unordered_map<int, std::uint32_t> handles;
    std::unordered_map<int, std::string> folders;
};

namespace {

std::atomic<DiskRecording::Recorder*> current = nullptr;

template <class F>
F real(const char* name) {
    return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

DiskRecording::DiskRecording(const fs::path& folder) : recorder_(std::make_unique<Recorder>(folder)) {
    current = recorder_.get();
}
DiskRecording::~DiskRecording() { current = nullptr; }

std::size_t DiskRecording::now() const {
    const std::lock_guard lock(recorder_->mutex);
    return recorder_->log.steps.size();
}

DiskLog DiskRecording::stop() {
    current = nullptr;
    const std::lock_guard lock(recorder_->mutex);
    return std::move(recorder_->log);
}

}  // namespace labhub::test

// The program's own functions of these names come before the C library's, for shared libraries too. By another name in
// C++, as the headers declare and sometimes define them.
#define LABHUB_IN_PLACE_OF(name) asm(name) __attribute__((visibility("default"), used))

extern "C" {
int labhub_test_open(const char* path, int flags, ...) LABHUB_IN_PLACE_OF("open");
int labhub_test_open64(const char* path, int flags, ...) LABHUB_IN_PLACE_OF("open64");
int labhub_test_close(int handle) LABHUB_IN_PLACE_OF("close");
ssize_t labhub_test_write(int handle, const void* bytes, std::size_t size) LABHUB_IN_PLACE_OF("write");
ssize_t labhub_test_pwrite64(int handle, const void* bytes, std::size_t size, off64_t offset)
    LABHUB_IN_PLACE_OF("pwrite64");
int labhub_test_ftruncate64(int handle, off64_t size) LABHUB_IN_PLACE_OF("ftruncate64");
int labhub_test_fsync(int handle) LABHUB_IN_PLACE_OF("fsync");
int labhub_test_fdatasync(int handle) LABHUB_IN_PLACE_OF("fdatasync");
int labhub_test_rename(const char* from, const char* to) LABHUB_IN_PLACE_OF("rename");
int labhub_test_unlink(const char* path) LABHUB_IN_PLACE_OF("unlink");
int labhub_test_remove(const char* path) LABHUB_IN_PLACE_OF("remove");
int labhub_test_mkdir(const char* path, mode_t mode) LABHUB_IN_PLACE_OF("mkdir");
}

using labhub::test::current;
using labhub::test::real;

namespace {

int open_with(const char* name, const char* path, int flags, mode_t mode) {
    const int handle = real<int (*)(const char*, int, ...)>(name)(path, flags, mode);
    auto* const recorder = current.load();
    if (recorder && handle >= 0) recorder->opened(path, flags, handle);
    return handle;
}

mode_t mode_in(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int sync_with(const char* name, int handle) {
    auto* const recorder = current.load();
    if (recorder && recorder->synced(handle)) return 0;
    return real<int (*)(int)>(name)(handle);
}

int remove_with(const char* name, const char* path) {
    const int failed = real<int (*)(const char*)>(name)(path);
    auto* const recorder = current.load();
    if (recorder && failed == 0) recorder->removed(path);
    return failed;
}

}  // namespace

int labhub_test_open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    return open_with("open", path, flags, mode);
}

int labhub_test_open64(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_in(flags, arguments);
    va_end(arguments);
    return open_with("open64", path, flags, mode);
}

int labhub_test_close(int handle) {
    if (auto* const recorder = current.load()) recorder->closed(handle);
    return real<int (*)(int)>("close")(handle);
}

ssize_t labhub_test_write(int handle, const void* bytes, std::size_t size) {
    auto* const recorder = current.load();
    const off64_t offset = recorder ? ::lseek64(handle, 0, SEEK_CUR) : -1;
    const ssize_t written = real<ssize_t (*)(int, const void*, std::size_t)>("write")(handle, bytes, size);
    if (recorder && offset >= 0 && written > 0)
        recorder->written(handle, static_cast<std::uint64_t>(offset), bytes, static_cast<std::size_t>(written));
    return written;
}

ssize_t labhub_test_pwrite64(int handle, const void* bytes, std::size_t size, off64_t offset) {
    const ssize_t written =
        real<ssize_t (*)(int, const void*, std::size_t, off64_t)>("pwrite64")(handle, bytes, size, offset);
    auto* const recorder = current.load();
    if (recorder && written > 0)
        recorder->written(handle, static_cast<std::uint64_t>(offset), bytes, static_cast<std::size_t>(written));
    return written;
}

int labhub_test_ftruncate64(int handle, off64_t size) {
    const int failed = real<int (*)(int, off64_t)>("ftruncate64")(handle, size);
    auto* const recorder = current.load();
    if (recorder && failed == 0) recorder->truncated(handle, static_cast<std::uint64_t>(size));
    return failed;
}

int labhub_test_fsync(int handle) { return sync_with("fsync", handle); }
int labhub_test_fdatasync(int handle) { return sync_with("fdatasync", handle); }

int labhub_test_rename(const char* from, const char* to) {
    const int failed = real<int (*)(const char*, const char*)>("rename")(from, to);
    auto* const recorder = current.load();
    if (recorder && failed == 0) recorder->renamed(from, to);
    return failed;
}

int labhub_test_unlink(const char* path) { return remove_with("unlink", path); }
int labhub_test_remove(const char* path) { return remove_with("remove", path); }

int labhub_test_mkdir(const char* path, mode_t mode) {
    const int failed = real<int (*)(const char*, mode_t)>("mkdir")(path, mode);
    auto* const recorder = current.load();
    if (recorder && failed == 0) recorder->folder_made(path);
    return failed;
}
