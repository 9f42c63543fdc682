#pragma once

#include <optional>
#include <variant>

#include "coordinator/cli/compare.hpp"
#include "coordinator/cli/experiments.hpp"
#include "coordinator/cli/run.hpp"

namespace CLI {
class App;
}

namespace labhub::cli {

/// `labhub experiments`, `rerun`, `tag` and `compare`.
class ExperimentsGrammar {
  public:
    using Command = std::variant<ExperimentsCommand, RunRequest, TagCommand, CompareCommand>;

    void describe(CLI::App& app);
    /// What was typed, if it was one of these.
    std::optional<Command> chosen() const;

  private:
    void describe_rerun(CLI::App& app);

    ExperimentsCommand list_;
    RunRequest rerun_;
    TagCommand tag_;
    CompareCommand compare_;
    CLI::App* list_app_ = nullptr;
    CLI::App* rerun_app_ = nullptr;
    CLI::App* tag_app_ = nullptr;
    CLI::App* compare_app_ = nullptr;
};

/// --param, --params, --input, --tag and --note.
void add_setup_options(CLI::App& command, SetupRequest& setup);

}  // namespace labhub::cli
