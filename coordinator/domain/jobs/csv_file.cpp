#include "coordinator/domain/jobs/csv_file.hpp"

#include <cerrno>
#include <utility>

namespace labhub::coordinator::jobs {
namespace {

std::string quoted(const std::string& field) {
    if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
    std::string text = "\"";
    for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    return text + "\"";
}

}  // namespace

Result<std::shared_ptr<CsvFile>> CsvFile::create(std::filesystem::path target) {
    auto file = std::shared_ptr<CsvFile>(new CsvFile(std::move(target)));
    file->stream_ = std::fopen(file->temporary().c_str(), "we");
    if (!file->stream_) return system_error("create " + file->temporary(), errno);
    return file;
}

CsvFile::~CsvFile() {
    if (!stream_) return;
    std::fclose(stream_);
    std::remove(temporary().c_str());
}

Result<void> CsvFile::line(const std::vector<std::string>& fields) {
    std::string text;
    for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + quoted(fields[i]);
    text += '\n';
    if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size())
        return system_error("write " + temporary(), errno);
    return {};
}

Result<void> CsvFile::finish() {
    std::FILE* const stream = std::exchange(stream_, nullptr);
    if (std::fclose(stream) != 0) return system_error("write " + temporary(), errno);
    if (std::rename(temporary().c_str(), target_.c_str()) != 0)
        return system_error("rename to " + target_.string(), errno);
    return {};
}

}  // namespace labhub::coordinator::jobs
