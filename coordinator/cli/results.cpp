#include "coordinator/cli/results.hpp"

#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/result_check.hpp"
#include "coordinator/cli/text_of.hpp"
#include "coordinator/cli/unpack.hpp"
#include "shared/base/ids.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLongestName = 4096;
/// Of a running experiment everything is copied and packed before the first byte comes.
constexpr std::chrono::minutes kLongestCopy{10};

/// A file that is gone with its owner.
class TemporaryFile {
  public:
    TemporaryFile() : path_(fs::temp_directory_path() / ("labhub-results-" + new_id() + ".zip")) {}
    ~TemporaryFile() {
        std::error_code none;
        fs::remove(path_, none);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

json::array names_of(const std::vector<std::string>& names) { return json::array(names.begin(), names.end()); }

void print_names(Console& console, const std::string& what, const std::vector<std::string>& names) {
    for (const std::string& name : names) console.print(what + "  " + printable(name, kLongestName) + "\n");
}

ExitStatus tell(Console& console, const std::string& subject, const ResultCheck& check) {
    const ExitStatus status = check.is_sound() ? ExitStatus::done : ExitStatus::failed;
    if (console.is_json()) {
        console.print_json(json::object{{"status", check.is_sound() ? "success" : "failed"},
                                        {"checked", subject},
                                        {"sound", check.sound},
                                        {"changed", names_of(check.changed)},
                                        {"missing", names_of(check.missing)},
                                        {"unlisted", names_of(check.unlisted)}});
        return status;
    }
    print_names(console, "changed ", check.changed);
    print_names(console, "missing ", check.missing);
    print_names(console, "unlisted", check.unlisted);
    const std::string files = std::to_string(check.sound) + " files";
    console.note(check.is_sound() ? subject + ": " + files + ", all as listed"
                                  : subject + ": not as listed, but for " + files);
    return status;
}

}  // namespace

Task<ExitStatus> save_results(Context& context, ResultsCommand command) {
    fs::path to = command.to;
    if (to.empty()) to = command.file.empty() ? command.id + ".zip" : fs::path(command.file).filename().string();
    http::Query query;
    if (command.is_partial) query.emplace_back("partial", "true");
    if (!command.file.empty()) query.emplace_back("file", command.file);
    std::string target = experiment_path(command.id) + "/download";
    if (!query.empty()) target += "?" + http::encode_query(query);
    auto saved = co_await context.hub.download(std::move(target), to, kLongestCopy);
    if (!saved) co_return context.give_up(saved.error());
    std::vector<std::string> names{to.filename().string()};
    if (command.file.empty()) {
        auto files = list_archive(to);
        if (!files) co_return context.give_up(files.error());
        names = std::move(*files);
    }
    if (context.console.is_json()) {
        context.console.print_json(
            json::object{{"status", "success"}, {"file", to.string()}, {"files", names_of(names)}});
        co_return ExitStatus::done;
    }
    context.console.print(to.string() + (command.file.empty() ? ":\n" : "\n"));
    if (command.file.empty())
        for (const std::string& file : names) context.console.print("  " + file + "\n");
    co_return ExitStatus::done;
}

/// What there is, without fetching it.
Task<ExitStatus> list_results(Context& context, ResultsCommand command) {
    auto print = [&context](const json::object& reply) {
        const json::object& results = object_of(reply, "results");
        using enum Table::Align;
        Table table({{"BYTES", right}, {"FILE", left}});
        for (const json::object* const file : rows_of(results, "files"))
            table.add({text_of(*file, "size"), printable(text_of(*file, "name"), kLongestName)});
        show_table(context.console, table, "there are no files yet");
        for (const json::value& note : array_of(results, "left_out"))
            if (note.is_string()) context.console.note(std::string(note.get_string()));
    };
    const std::string query = command.is_partial ? "?partial=true" : "";
    return show_reply(context, experiment_path(command.id) + "/results" + query, std::move(print));
}

Task<ExitStatus> verify_results(Context& context, std::string id) {
    const TemporaryFile zip;
    auto saved = co_await context.hub.download(experiment_path(id) + "/download", zip.path());
    if (!saved) co_return context.give_up(saved.error());
    auto check = check_result(zip.path());
    if (!check) co_return context.give_up(check.error());
    co_return tell(context.console, "the results of experiment " + id, *check);
}

ExitStatus verify_local_results(Console& console, const fs::path& path) {
    const auto check = check_result(path);
    if (check) return tell(console, path.string(), *check);
    console.fail(check.error());
    return ExitStatus::failed;
}

Task<ExitStatus> remove_results(Context& context, std::string id, bool with_record) {
    const std::string how = with_record ? "?record=true" : "";
    auto removed = co_await context.hub.remove(experiment_path(id) + "/results" + how);
    co_return tell(context, removed);
}

bool is_local_result(const std::string& what) {
    std::error_code failure;
    return what.find('/') != std::string::npos || what.ends_with(".zip") || fs::exists(what, failure);
}

}  // namespace labhub::cli
