#include "coordinator/domain/jobs/labels.hpp"

#include <algorithm>

#include "shared/base/text.hpp"

namespace labhub::coordinator::jobs {
namespace {

bool is_tag(std::string_view tag) {
    if (tag.empty() || tag.size() > kLongestTag || tag.front() == '-' || !is_utf8(tag)) return false;
    return std::none_of(tag.begin(), tag.end(), [](unsigned char c) { return c <= ' ' || c == ',' || c == 0x7F; });
}

}  // namespace

Result<Labels> checked_labels(Labels labels) {
    for (const auto& tag : labels.tags)
        if (!is_tag(tag))
            return Error{ErrorCode::malformed, "'" + printable(tag, kLongestTag) + "' is no tag",
                         "1 to 64 bytes without blanks and commas, not beginning with '-'"};
    std::sort(labels.tags.begin(), labels.tags.end());
    labels.tags.erase(std::unique(labels.tags.begin(), labels.tags.end()), labels.tags.end());
    if (labels.tags.size() > kMostTags)
        return Error{ErrorCode::too_large, std::to_string(labels.tags.size()) + " tags are too many",
                     "at most " + std::to_string(kMostTags)};
    if (labels.note.size() > kLongestNote || !is_utf8(labels.note) || labels.note.find('\0') != std::string::npos)
        return Error{ErrorCode::malformed, "the note is no text of up to " + std::to_string(kLongestNote) + " bytes",
                     "it has " + std::to_string(labels.note.size())};
    return labels;
}

}  // namespace labhub::coordinator::jobs
