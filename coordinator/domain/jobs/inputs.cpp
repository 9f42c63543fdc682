#include "coordinator/domain/jobs/inputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "shared/base/random.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 128;
constexpr std::size_t kSumLength = 64;
/// Of a file that is coming in: it may be removed when nothing was added for long.
constexpr std::string_view kComing = ".part";

bool is_control(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool is_c1 = byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    // U+2028 and U+2029 end lines, too.
    return byte < 0x20 || byte == 0x7F || is_c1 || text.substr(at).starts_with("\xE2\x80\xA8") ||
           text.substr(at).starts_with("\xE2\x80\xA9");
}

bool is_file_name(std::string_view name) {
    if (name.empty() || name.size() > kLongestName || name.front() == '.' || !is_utf8(name)) return false;
    for (std::size_t at = 0; at < name.size(); ++at)
        if (name[at] == '/' || name[at] == '\\' || is_control(name, at)) return false;
    return true;
}

std::string lower_case(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

bool is_sum(std::string_view text) {
    return text.size() == kSumLength && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

/// A principal as the name of a folder: what a name may not hold is written =XX.
std::string folder_name(const std::string& owner) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string name;
    for (const char each : owner) {
        const auto byte = static_cast<unsigned char>(each);
        const bool is_plain = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
                              (each >= '0' && each <= '9') || each == '-' || each == '_';
        if (is_plain)
            name += each;
        else
            name.append("=").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
    return name;
}

std::string size_text(std::int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Result<void> write_all(const UniqueFd& file, std::string_view bytes, const fs::path& path) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error("write " + path.string(), errno);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

/// Calls `piece` with all of a regular file, which no link leads to.
template <class Piece>
Result<void> read_pieces(const fs::path& path, Piece piece) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (!file) return system_error("open " + path.string(), errno);
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) return system_error("look at " + path.string(), errno);
    if (!S_ISREG(facts.st_mode)) return Error{ErrorCode::corrupt, path.string() + " is no file"};
    std::array<char, 65536> chunk{};
    while (true) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read " + path.string(), errno);
        if (got == 0) return {};
        LABHUB_CHECK(piece(std::string_view(chunk.data(), static_cast<std::size_t>(got))));
    }
}

/// A copy where no link can be made: another file system, or too many links.
Result<void> copy_bytes(const fs::path& from, const fs::path& to) {
    const UniqueFd file{::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (!file) return system_error("create " + to.string(), errno);
    return read_pieces(from, [&](std::string_view bytes) { return write_all(file, bytes, to); });
}

}  // namespace

Result<void> check_input_names(const std::vector<InputFile>& inputs) {
    if (inputs.size() > kMostInputs)
        return Error{ErrorCode::too_large, std::to_string(inputs.size()) + " input files are too many",
                     "at most " + std::to_string(kMostInputs) + "; pack them into one"};
    std::set<std::string> names;
    for (const auto& input : inputs) {
        if (!is_file_name(input.name))
            return Error{ErrorCode::malformed,
                         "inputs: '" + printable(input.name, kLongestName) + "' is no file's name",
                         "1 to 128 bytes of UTF-8 without '/', '\\' and control characters, not beginning with '.'"};
        if (!names.insert(lower_case(input.name)).second)
            return Error{ErrorCode::malformed, "inputs: there are two files '" + input.name + "'",
                         "names that differ in more than the case of letters"};
    }
    return {};
}

Inputs::Inputs(InputSettings settings) : settings_(std::move(settings)) {
    std::error_code failure;
    for (const auto& owner : fs::directory_iterator(settings_.folder, failure))
        for (const auto& entry : fs::directory_iterator(owner.path(), failure))
            if (std::error_code none; entry.is_regular_file(none)) {
                const auto size = static_cast<std::int64_t>(entry.file_size(none));
                bytes_ += size;
                bytes_of_[owner.path().filename().string()] += size;
            }
}

fs::path Inputs::folder_of(const std::string& owner) const { return settings_.folder / folder_name(owner); }

fs::path Inputs::path_of(const std::string& owner, const std::string& sha256) const {
    return folder_of(owner) / sha256;
}

std::string Inputs::key_of(const std::string& owner, const std::string& sha256) {
    return folder_name(owner) + "/" + sha256;
}

Result<void> Inputs::reserve(const std::string& folder, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::string goes = "those nobody uses go after " + std::to_string(settings_.keep.count()) + " h";
    if (bytes_of_[folder] + bytes > settings_.most_bytes_of_one)
        return Error{ErrorCode::too_many, "there is no room for more of your input files",
                     "at most " + size_text(settings_.most_bytes_of_one) + " of one user; " + goes};
    if (bytes_ + bytes > settings_.most_bytes_of_all)
        return Error{ErrorCode::too_many, "there is no room for more input files",
                     "at most " + size_text(settings_.most_bytes_of_all) + " of all; " + goes};
    bytes_ += bytes;
    bytes_of_[folder] += bytes;
    return {};
}

void Inputs::give_back(const std::string& folder, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes;
    bytes_of_[folder] -= bytes;
}

Result<void> Inputs::count_in(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    if (uploads_ >= kMostUploads || uploads_of_[owner] >= kMostUploadsOfOne)
        return Error{ErrorCode::too_many, "too many files are coming in now",
                     "at most " + std::to_string(kMostUploadsOfOne) + " of one user and " +
                         std::to_string(kMostUploads) + " in all at one time"};
    ++uploads_;
    ++uploads_of_[owner];
    return {};
}

void Inputs::count_out(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    --uploads_;
    if (--uploads_of_[owner] == 0) uploads_of_.erase(owner);
}

Inputs::Upload::Upload(Inputs& inputs, std::string owner, fs::path path, UniqueFd file)
    : inputs_(inputs), owner_(std::move(owner)), path_(std::move(path)), file_(std::move(file)) {}

Inputs::Upload::~Upload() {
    if (file_) {
        ::unlink(path_.c_str());
        inputs_.give_back(folder_name(owner_), size_);
    }
    inputs_.count_out(owner_);
}

Result<std::unique_ptr<Inputs::Upload>> Inputs::begin(std::string owner) {
    LABHUB_CHECK(make_folder(settings_.folder, 0700));
    LABHUB_CHECK(make_folder(folder_of(owner), 0700));
    const fs::path path = folder_of(owner) / (random_hex(8) + std::string(kComing));
    LABHUB_CHECK(count_in(owner));
    UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    const int why = errno;
    std::unique_ptr<Upload> upload(new Upload(*this, std::move(owner), path, std::move(file)));
    if (!upload->file_) return system_error("create " + path.string(), why);
    return upload;
}

Result<void> Inputs::Upload::add(std::string_view bytes) {
    const auto count = static_cast<std::int64_t>(bytes.size());
    if (size_ + count > inputs_.settings_.most_bytes)
        return Error{ErrorCode::too_large, "the input file is too large",
                     "at most " + size_text(inputs_.settings_.most_bytes) + " for one experiment"};
    LABHUB_CHECK(inputs_.reserve(folder_name(owner_), count));
    size_ += count;
    sum_.add(bytes);
    return write_all(file_, bytes, path_);
}

Result<InputFile> Inputs::Upload::finish() {
    InputFile input;
    input.size = size_;
    input.sha256 = sum_.hex();
    ::fchmod(file_.get(), 0644);
    if (::fsync(file_.get()) != 0) return system_error("write " + path_.string(), errno);
    if (::link(path_.c_str(), inputs_.path_of(owner_, input.sha256).c_str()) != 0) {
        // The same bytes are there already: this copy goes with the upload.
        if (errno != EEXIST) return system_error("keep " + path_.string(), errno);
        LABHUB_CHECK(inputs_.find(owner_, input.sha256));
        return input;
    }
    ::unlink(path_.c_str());
    file_.reset();
    return input;
}

Result<InputFile> Inputs::find(const std::string& owner, const std::string& sha256) {
    if (!is_sum(sha256))
        return Error{ErrorCode::malformed, "'" + printable(sha256, kSumLength) + "' is no SHA-256",
                     "64 lower-case hexadecimal digits"};
    const fs::path path = path_of(owner, sha256);
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return Error{ErrorCode::not_found, "you have sent no input file with the SHA-256 " + sha256,
                     "send it with POST /api/inputs"};
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    return InputFile{"", facts.st_size, sha256};
}

Result<std::vector<InputFile>> Inputs::find_all(const std::string& owner, std::vector<InputFile> inputs) {
    std::int64_t bytes = 0;
    for (auto& input : inputs) {
        auto found = find(owner, input.sha256);
        if (!found) return found.error().within("inputs: '" + printable(input.name, kLongestName) + "'");
        input.size = found->size;
        bytes += found->size;
    }
    if (bytes > settings_.most_bytes)
        return Error{ErrorCode::too_large, "the input files have " + size_text(bytes) + " together",
                     "at most " + size_text(settings_.most_bytes)};
    return inputs;
}

Result<void> Inputs::take_back(const std::string& owner, const fs::path& file, const InputFile& input) {
    if (find(owner, input.sha256)) return {};
    LABHUB_TRY(auto upload, begin(owner));
    LABHUB_CHECK(read_pieces(file, [&](std::string_view bytes) { return upload->add(bytes); }));
    LABHUB_TRY(const InputFile taken, upload->finish());
    if (taken.sha256 == input.sha256) return {};
    return Error{ErrorCode::corrupt, file.string() + " is not what it was", "send it anew, with POST /api/inputs"};
}

Result<void> Inputs::place(const std::string& owner, const std::vector<InputFile>& inputs, const fs::path& target) {
    if (inputs.empty()) return {};
    std::error_code failure;
    fs::remove_all(target, failure);
    if (failure) return system_error("clear " + target.string(), failure.value());
    LABHUB_CHECK(make_folder(target));
    for (const auto& input : inputs) {
        LABHUB_TRY([[maybe_unused]] const InputFile found, find(owner, input.sha256));
        const fs::path from = path_of(owner, input.sha256), to = target / input.name;
        if (::link(from.c_str(), to.c_str()) == 0) continue;
        if (errno != EXDEV && errno != EMLINK && errno != EPERM) return system_error("link " + to.string(), errno);
        LABHUB_CHECK(copy_bytes(from, to));
    }
    return {};
}

Result<std::size_t> Inputs::tidy(const std::set<std::string>& used) {
    std::error_code failure;
    std::size_t removed = 0;
    for (const auto& owner : fs::directory_iterator(settings_.folder, failure)) {
        if (std::error_code none; !owner.is_directory(none)) continue;
        LABHUB_TRY(const std::size_t of_one, tidy_folder(owner.path(), used));
        removed += of_one;
    }
    return removed;
}

Result<std::size_t> Inputs::tidy_folder(const fs::path& folder, const std::set<std::string>& used) {
    std::error_code failure;
    std::size_t removed = 0;
    const std::string owner = folder.filename().string();
    const auto before = std::chrono::system_clock::now() - settings_.keep;
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
        struct stat facts {};
        const fs::path& path = entry.path();
        if (used.contains(owner + "/" + path.filename().string()) || ::lstat(path.c_str(), &facts) != 0) continue;
        if (std::chrono::system_clock::from_time_t(facts.st_mtime) > before || !S_ISREG(facts.st_mode)) continue;
        if (::unlink(path.c_str()) != 0) return system_error("remove " + path.string(), errno);
        give_back(owner, facts.st_size);
        ++removed;
    }
    return removed;
}

}  // namespace labhub::coordinator::jobs
