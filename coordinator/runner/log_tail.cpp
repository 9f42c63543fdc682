#include "coordinator/runner/log_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace labhub::coordinator::runner {
namespace {

constexpr char kMagic[8] = {'L', 'H', 'T', 'A', 'I', 'L', '1', '\n'};
constexpr std::size_t kChunk = 1u << 20;
/// A line's beginning is looked for no further than here.
constexpr std::uint64_t kMaxLine = 4096;

/// The ring file's first bytes. The newest byte of the ring is the one before `total` modulo `capacity`.
struct Header {
    char magic[8];
    std::uint64_t head, capacity, total;
};

std::filesystem::path tail_path(const std::filesystem::path& log) { return log.string() + ".tail"; }

bool write_at(int file, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += static_cast<std::uint64_t>(put);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

/// The bytes of the ring from the `from`th on that the log ever had beyond its head, as many as fit and lie together.
std::string_view ring_part(int ring, const Header& header, std::uint64_t from, std::vector<char>& buffer) {
    const std::uint64_t at = from % header.capacity;
    const auto wanted = std::min<std::uint64_t>({buffer.size(), header.total - from, header.capacity - at});
    const ssize_t got = ::pread(ring, buffer.data(), wanted, static_cast<off_t>(sizeof header + at));
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

std::string note(const Header& header, std::uint64_t left_out) {
    return "\n[labhub] " + std::to_string(left_out) + " bytes are left out here: of a longer log the first " +
           std::to_string(header.head) + " and the last " + std::to_string(header.capacity) + " bytes are kept\n";
}

Result<void> append(int log, int ring, const Header& header, const std::string& name) {
    // What an interrupted attempt appended goes first.
    if (::ftruncate(log, static_cast<off_t>(header.head)) != 0) return system_error("cut " + name, errno);
    std::vector<char> buffer(kChunk);
    std::uint64_t at = header.head, from = 0;
    if (header.total > header.capacity) {
        from = header.total - header.capacity;
        const auto first = ring_part(ring, header, from, buffer).substr(0, kMaxLine);
        if (const auto line = first.find('\n'); line != std::string_view::npos) from += line + 1;
        const std::string text = note(header, from);
        if (!write_at(log, text, at)) return system_error("write " + name, errno);
        at += text.size();
    }
    while (from < header.total) {
        const auto part = ring_part(ring, header, from, buffer);
        if (part.empty()) return Error{ErrorCode::corrupt, "the tail of " + name + " is cut short"};
        if (!write_at(log, part, at)) return system_error("write " + name, errno);
        at += part.size();
        from += part.size();
    }
    return {};
}

}  // namespace

Result<LogTail> LogTail::open(const std::filesystem::path& log, std::uint64_t head, std::uint64_t capacity) {
    LogTail tail;
    const auto path = tail_path(log);
    tail.file_ = UniqueFd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (!tail.file_) return system_error("create " + path.string(), errno);
    tail.head_ = head, tail.capacity_ = capacity;
    if (!tail.put_header()) return system_error("write " + path.string(), errno);
    return tail;
}

bool LogTail::write(std::string_view bytes) {
    // Of more than fits, all but the end would be written over at once.
    if (bytes.size() > capacity_) {
        total_ += bytes.size() - capacity_;
        bytes.remove_prefix(bytes.size() - static_cast<std::size_t>(capacity_));
    }
    return put(bytes) && put_header();
}

bool LogTail::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::uint64_t at = total_ % capacity_;
        const auto part = bytes.substr(0, static_cast<std::size_t>(capacity_ - at));
        if (!write_at(file_.get(), part, sizeof(Header) + at)) return false;
        total_ += part.size();
        bytes.remove_prefix(part.size());
    }
    return true;
}

bool LogTail::put_header() {
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.head = head_, header.capacity = capacity_, header.total = total_;
    return write_at(file_.get(), {reinterpret_cast<const char*>(&header), sizeof header}, 0);
}

Result<void> join_log_tail(const std::filesystem::path& log) {
    const auto path = tail_path(log);
    const UniqueFd ring{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!ring && errno == ENOENT) return {};
    if (!ring) return system_error("open " + path.string(), errno);
    Header header{};
    const bool whole = ::pread(ring.get(), &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header);
    if (!whole || std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.capacity == 0)
        return Error{ErrorCode::corrupt, path.string() + " is no log's tail"};
    const UniqueFd file{::open(log.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file) return system_error("open " + log.string(), errno);
    LABHUB_CHECK(append(file.get(), ring.get(), header, log.filename().string()));
    if (::unlink(path.c_str()) != 0) return system_error("delete " + path.string(), errno);
    return {};
}

}  // namespace labhub::coordinator::runner
