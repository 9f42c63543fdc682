#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::cli {

/// How a result compares with the ro-crate-metadata.json in it. Names as they stand there, with /.
struct ResultCheck {
    std::size_t sound = 0;              ///< files with the size and SHA-256 they are listed with
    std::vector<std::string> changed;   ///< listed with another size or sum, or with none
    std::vector<std::string> missing;   ///< listed, but not there
    std::vector<std::string> unlisted;  ///< there, but not listed; or there twice

    bool is_sound() const { return changed.empty() && missing.empty() && unlisted.empty(); }
};

/// Reads every byte of a results.zip, or of the folder it was unpacked into (where a results.zip may lie beside the
/// files). In a folder a symbolic link is an unlisted file. Finds damage, not forgery: whoever changes files can change
/// the list too. Errors: not_found (nothing there, or no list in it), malformed (the list), corrupt (the zip).
Result<ResultCheck> check_result(const std::filesystem::path& zip_or_folder);

}  // namespace labhub::cli
