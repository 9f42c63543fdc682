#pragma once

#include <optional>

#include <CLI/CLI.hpp>

#include "coordinator/cli/images.hpp"

namespace labhub::cli {

/// `labhub images …`, described to CLI11. Must outlive the parse.
class ImagesGrammar {
  public:
    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<ImagesCommand> chosen() const;

  private:
    CLI::App* list_app_ = nullptr;
    CLI::App* show_app_ = nullptr;
    CLI::App* build_app_ = nullptr;
    CLI::App* import_app_ = nullptr;
    CLI::App* cancel_app_ = nullptr;
    CLI::App* roles_app_ = nullptr;
    CLI::App* remove_app_ = nullptr;
    ImageShowRequest show_;
    ImageBuildRequest build_;
    ImageImportRequest import_;
    ImageCancelRequest cancel_;
    ImageRolesRequest roles_;
    ImageRemoveRequest remove_;
};

}  // namespace labhub::cli
