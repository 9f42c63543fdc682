#include "coordinator/cli/images.hpp"

#include "coordinator/cli/reply.hpp"
#include "coordinator/cli/text_of.hpp"
#include "shared/base/text.hpp"
#include "shared/http/url.hpp"

namespace labhub::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kPeriod = 500ms;

std::string image_path(const std::string& name, const char* what = "") {
    return "/api/images/" + http::percent_encode(name) + what;
}

std::string size_text(std::optional<std::int64_t> bytes) {
    if (!bytes || *bytes == 0) return "–";
    return std::to_string((*bytes + (1 << 19)) >> 20) + " MiB";
}

std::string list_text(const json::array& words, const std::string& none) {
    std::string all;
    for (const json::value& word : words)
        if (word.is_string()) all += (all.empty() ? "" : ", ") + std::string(word.get_string());
    return all.empty() ? none : all;
}

/// "python (default)", or the digest's beginning for a build that is on its way out.
std::string state_text(const json::object& image) {
    if (!text_of(image, "damage").empty()) return "damaged";
    return flag_of(image, "current") ? (flag_of(image, "is_default") ? "default" : "") : "replaced";
}

void print_list(Context& context, const json::object& reply) {
    using enum Table::Align;
    Table table({{"IMAGE", left},
                 {"DIGEST", left},
                 {"STATE", left},
                 {"PYTHON", left},
                 {"SIZE", right},
                 {"MADE", right},
                 {"ROLES", left},
                 {"FROM", left}});
    const UtcMillis now = context.clock.utc_now();
    for (const json::object* const each : rows_of(reply, "images")) {
        const json::object& image = *each;
        const std::string digest = text_of(image, "digest");
        table.add({text_of(image, "name"), digest.empty() ? "–" : digest.substr(0, 12), state_text(image),
                   text_of(image, "version"), size_text(integer_of(image, "bytes")),
                   time_text(integer_of(image, "made_at"), now), list_text(array_of(image, "roles"), "all"),
                   text_of(image, "source")});
    }
    context.console.print(table.text(context.console.is_styled()));
    const json::object& work = object_of(reply, "work");
    if (text_of(work, "state") == "running")
        context.console.note("image " + text_of(work, "name") + " is being made (" + text_of(work, "kind") + ")");
}

Task<ExitStatus> list(Context& context) {
    auto print = [&context](const json::object& reply) { print_list(context, reply); };
    return show_reply(context, "/api/images", std::move(print));
}

Task<ExitStatus> show(Context& context, ImageShowRequest request) {
    std::string target = image_path(request.name, request.verify ? "?verify=true" : "");
    auto reply = co_await context.hub.get(std::move(target));
    if (!reply) co_return context.give_up(reply.error());
    const json::object& image = object_of(*reply, "image");
    const std::string damage = text_of(image, "damage");
    const ExitStatus status = damage.empty() ? ExitStatus::done : ExitStatus::failed;
    if (context.console.is_json()) {
        context.console.print_json(*reply);
        co_return status;
    }
    const std::string digest = text_of(image, "digest");
    std::string text = "image    " + text_of(image, "name") + (flag_of(image, "is_default") ? " (default)" : "") + "\n";
    if (!digest.empty()) text += "digest   sha256:" + digest + "\n";
    text += "from     " + text_of(image, "source") + "\n";
    text += "python   " + text_of(image, "version") + " at " + text_of(image, "python") + "\n";
    if (!digest.empty())
        text += "files    " + text_of(image, "files") + ", " + size_text(integer_of(image, "bytes")) + "\n";
    text += "roles    " + list_text(array_of(image, "roles"), "all") + "\n";
    text += "used by  " + list_text(array_of(image, "used_by"), "no experiment") + "\n";
    text += "packages " + list_text(array_of(*reply, "packages"), "–") + "\n";
    text += "modules  " + list_text(array_of(*reply, "modules"), "not known") + "\n";
    context.console.print(text);
    if (!damage.empty()) context.console.note(damage);
    if (request.verify && damage.empty()) context.console.note("every file is as it was made");
    co_return status;
}

/// New lines of what is being made, as they come; the last 50 are always there.
class Progress {
  public:
    explicit Progress(Console& console) : console_(console) {}
    void show(const json::object& work) {
        const json::array& lines = array_of(work, "lines");
        std::size_t from = 0;
        for (std::size_t i = lines.size(); i > 0 && !last_.empty(); --i)
            if (lines[i - 1].is_string() && lines[i - 1].get_string() == last_) {
                from = i;
                break;
            }
        for (; from < lines.size(); ++from)
            if (lines[from].is_string()) console_.note(last_ = std::string(lines[from].get_string()));
    }

  private:
    Console& console_;
    std::string last_;
};

Task<ExitStatus> follow(Context& context, std::string name) {
    Progress progress(context.console);
    context.left_behind = "image " + name +
                          " goes on being made: `labhub images list` shows it, `labhub images cancel " + name +
                          "` ends it";
    for (;;) {
        auto reply = co_await context.hub.get("/api/images");
        if (!reply) co_return context.give_up(reply.error());
        const json::object& work = object_of(*reply, "work");
        const std::string state = text_of(work, "state");
        if (!context.console.is_json()) progress.show(work);
        if (state == "running") {
            co_await sleep_for(kPeriod);
            continue;
        }
        context.left_behind.clear();
        if (context.console.is_json()) context.console.print_json(work);
        if (state == "done") {
            context.console.note("image " + name + " is ready: sha256:" + text_of(work, "digest"));
            co_return ExitStatus::done;
        }
        const std::string error = text_of(work, "error");
        context.console.note("image " + name + ": " +
                             (state == "cancelled" ? "cancelled"
                              : error.empty()      ? "the hub was restarted"
                                                   : error));
        co_return ExitStatus::failed;
    }
}

Task<ExitStatus> build(Context& context, ImageBuildRequest request) {
    json::object nothing;
    std::string target = image_path(request.name, "/build");
    auto reply = co_await context.hub.post(std::move(target), std::move(nothing));
    if (!reply) co_return context.give_up(reply.error());
    if (request.is_detached) co_return ExitStatus::done;
    co_return co_await follow(context, request.name);
}

Task<ExitStatus> import(Context& context, ImageImportRequest request) {
    std::error_code failure;
    json::object body;
    body["path"] = std::filesystem::absolute(request.path, failure).lexically_normal().string();
    std::string target = image_path(request.name, "/import");
    auto reply = co_await context.hub.post(std::move(target), std::move(body));
    if (!reply) co_return context.give_up(reply.error());
    if (request.is_detached) co_return ExitStatus::done;
    co_return co_await follow(context, request.name);
}

Task<ExitStatus> cancel(Context& context, ImageCancelRequest request) {
    json::object nothing;
    std::string target = image_path(request.name, "/cancel");
    auto reply = co_await context.hub.post(std::move(target), std::move(nothing));
    if (!reply) co_return context.give_up(reply.error());
    context.console.note("the making of image " + request.name + " is being ended");
    co_return ExitStatus::done;
}

Task<ExitStatus> set_roles(Context& context, ImageRolesRequest request) {
    json::object body;
    body["roles"] = json::array(request.roles.begin(), request.roles.end());
    return ask_for(context, image_path(request.name, "/roles"), std::move(body));
}

Task<ExitStatus> remove(Context& context, ImageRemoveRequest request) {
    std::string target = image_path(request.name);
    auto reply = co_await context.hub.remove(std::move(target));
    co_return tell(context, reply);
}

struct Start {
    Context& context;
    Task<ExitStatus> operator()(const ImageListRequest&) const { return list(context); }
    Task<ExitStatus> operator()(const ImageShowRequest& request) const { return show(context, request); }
    Task<ExitStatus> operator()(const ImageBuildRequest& request) const { return build(context, request); }
    Task<ExitStatus> operator()(const ImageImportRequest& request) const { return import(context, request); }
    Task<ExitStatus> operator()(const ImageCancelRequest& request) const { return cancel(context, request); }
    Task<ExitStatus> operator()(const ImageRolesRequest& request) const { return set_roles(context, request); }
    Task<ExitStatus> operator()(const ImageRemoveRequest& request) const { return remove(context, request); }
};

}  // namespace

Task<ExitStatus> run_images(Context& context, ImagesCommand command) { return std::visit(Start{context}, command); }

}  // namespace labhub::cli
