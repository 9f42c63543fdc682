#include "coordinator/domain/jobs/ro_crate.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "shared/base/files.hpp"
#include "shared/base/json.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace json = boost::json;

constexpr std::string_view kOctets = "application/octet-stream";
constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kMediaTypes{
    {{".csv", "text/csv"},
     {".gif", "image/gif"},
     {".gz", "application/gzip"},
     {".html", "text/html"},
     {".jpeg", "image/jpeg"},
     {".jpg", "image/jpeg"},
     {".json", "application/json"},
     {".log", "text/plain"},
     {".md", "text/markdown"},
     {".pdf", "application/pdf"},
     {".png", "image/png"},
     {".py", "text/x-python"},
     {".svg", "image/svg+xml"},
     {".tsv", "text/tab-separated-values"},
     {".txt", "text/plain"},
     {".xml", "application/xml"},
     {".zip", "application/zip"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kDescriptions{
    {{"experiment.json", "The request, its limits, the node, versions, times and the outcome"},
     {"script.py", "The script that was run"},
     {"stdout.txt", "What the script printed"},
     {"stderr.txt", "What the script printed as errors"},
     {"exitcode.txt", "The script's exit status"},
     {"telemetry.csv", "Every reading of the device during the run"},
     {"commands.csv", "Every change of an actuator during the run: who, when, asked, applied"},
     {"events.csv", "What happened to the experiment, and what was noted, from its submission to its end"},
     {"dry-run.json", "What the dry run found: of a simulated twin of the device, in its time"}}};

/// As a relative URI reference (RFC 3986); every byte but the unreserved ones and / is percent-encoded.
std::string uri_of(std::string_view name) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string uri;
    for (const char each : name) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < 0x80 && (std::isalnum(byte) || std::string_view("-._~/").find(each) != std::string_view::npos)) {
            uri += each;
            continue;
        }
        uri += '%';
        uri += kDigits[byte >> 4];
        uri += kDigits[byte & 15];
    }
    return uri;
}

std::string_view media_type(std::string_view name) {
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos) return kOctets;
    std::string ending(name.substr(dot));
    std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const auto& [known, type] : kMediaTypes)
        if (known == ending) return type;
    return kOctets;
}

std::string text(const json::object& from, std::string_view key) {
    const json::value* const member = from.if_contains(key);
    return member && member->is_string() ? std::string(member->get_string()) : std::string();
}

json::object part(const json::object& from, std::string_view key) {
    const json::value* const member = from.if_contains(key);
    return member && member->is_object() ? member->get_object() : json::object();
}

void set_if(json::object& entity, std::string_view key, std::string value) {
    if (!value.empty()) entity[key] = std::move(value);
}

/// The entities of one crate in the order they are described, and references to them.
class Graph {
  public:
    json::object add(std::string id, json::value type, json::object rest) {
        json::object entity{{"@id", id}, {"@type", std::move(type)}};
        for (auto& [key, value] : rest) entity[key] = value;
        entities_.emplace_back(std::move(entity));
        return refer(std::move(id));
    }
    static json::object refer(std::string id) { return json::object{{"@id", std::move(id)}}; }
    json::array take() { return std::move(entities_); }

  private:
    json::array entities_;
};

struct Parts {
    json::array of_root;    ///< files at the top, and the folders
    json::array of_output;  ///< files in output/
    json::array of_input;   ///< files in input/
    json::array made;       ///< what the run left
    bool has_script = false;
};

json::object add_folder(Graph& graph, const std::string& name, std::string_view description, const json::array& files) {
    return graph.add(name + "/", "Dataset",
                     json::object{{"name", name}, {"description", description}, {"hasPart", files}});
}

Parts add_files(Graph& graph, const std::vector<PackedFile>& files) {
    Parts parts;
    for (const auto& file : files) {
        json::object entity{{"name", file.name},
                            {"contentSize", std::to_string(file.size)},
                            {"sha256", file.sha256},
                            {"encodingFormat", media_type(file.name)}};
        for (const auto& [name, description] : kDescriptions)
            if (file.name == name) entity["description"] = description;
        const bool is_script = file.name == "script.py";
        const bool is_output = file.name.starts_with("output/");
        const bool is_input = file.name.starts_with("input/");
        json::value type = is_script ? json::value(json::array{"File", "SoftwareSourceCode"}) : json::value("File");
        if (is_script) entity["programmingLanguage"] = "Python";
        auto reference = graph.add(uri_of(file.name), std::move(type), std::move(entity));
        parts.has_script |= is_script;
        if (!is_script && !is_output && !is_input && file.name != "experiment.json") parts.made.emplace_back(reference);
        (is_output ? parts.of_output : is_input ? parts.of_input : parts.of_root).emplace_back(std::move(reference));
    }
    if (!parts.of_input.empty())
        parts.of_root.emplace_back(add_folder(graph, "input", "The files the script was given", parts.of_input));
    if (parts.of_output.empty()) return parts;
    auto output = add_folder(graph, "output", "The files the script wrote", parts.of_output);
    parts.of_root.emplace_back(output);
    parts.made.emplace_back(std::move(output));
    return parts;
}

json::array add_metrics(Graph& graph, const json::object& experiment) {
    json::array metrics;
    const json::value* const listed = experiment.if_contains("metrics");
    if (!listed || !listed->is_array()) return metrics;
    for (const json::value& each : listed->get_array()) {
        if (!each.is_object()) continue;
        const json::object& metric = each.get_object();
        json::object entity{{"name", text(metric, "name")}};
        set_if(entity, "description", text(metric, "kind"));
        set_if(entity, "unitText", text(metric, "unit"));
        for (const auto& [ours, theirs] : {std::pair{"minimum", "minValue"}, std::pair{"maximum", "maxValue"}})
            if (const json::value* const bound = metric.if_contains(ours); bound && bound->is_number())
                entity[theirs] = *bound;
        metrics.emplace_back(graph.add("#metric-" + uri_of(text(metric, "name")), "PropertyValue", std::move(entity)));
    }
    return metrics;
}

json::object add_device(Graph& graph, const json::object& experiment) {
    const std::string device = text(experiment, "device");
    const std::string node = text(experiment, "node");
    json::object of_node{{"name", node}, {"description", "The machine the device is attached to"}};
    auto at = graph.add("#node-" + uri_of(node), "IndividualProduct", std::move(of_node));
    json::object entity{
        {"name", device}, {"description", "The device the experiment had a lease of"}, {"isRelatedTo", std::move(at)}};
    auto metrics = add_metrics(graph, experiment);
    if (!metrics.empty()) entity["additionalProperty"] = std::move(metrics);
    return graph.add("#device-" + uri_of(device), "IndividualProduct", std::move(entity));
}

json::array add_parameters(Graph& graph, const json::object& experiment) {
    json::array parameters;
    // A list or an object is no value of a PropertyValue: it is told as JSON.
    for (const auto& [name, value] : part(part(experiment, "request"), "params"))
        parameters.emplace_back(graph.add(
            "#param-" + uri_of(std::string_view(name)), "PropertyValue",
            json::object{{"name", name},
                         {"value", value.is_structured() || value.is_null() ? json::value(to_json(value)) : value}}));
    for (const auto& [name, value] : part(part(experiment, "request"), "environment"))
        parameters.emplace_back(graph.add("#parameter-" + uri_of(std::string_view(name)), "PropertyValue",
                                          json::object{{"name", name}, {"value", value}}));
    return parameters;
}

/// What the script was run with and in.
json::array add_instruments(Graph& graph, const json::object& experiment, bool has_script) {
    json::array instruments;
    if (has_script) instruments.emplace_back(Graph::refer("script.py"));
    const json::object versions = part(experiment, "versions");
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPrograms{
        {{"labhub", "labhub-coordinator"}, {"agent", "labhub-agent"}, {"runtime", "OCI runtime"}}};
    for (const auto& [key, name] : kPrograms)
        if (const std::string version = text(versions, key); !version.empty())
            instruments.emplace_back(graph.add("#" + std::string(key), "SoftwareApplication",
                                               json::object{{"name", name}, {"softwareVersion", version}}));
    if (const std::string image = text(experiment, "image"); !image.empty()) {
        json::object entity{{"name", image}, {"description", "The file system the script ran in"}};
        set_if(entity, "softwareVersion", text(experiment, "image_digest"));
        instruments.emplace_back(graph.add("#image", "SoftwareApplication", std::move(entity)));
    }
    return instruments;
}

std::string why_it_failed(const json::object& experiment) {
    const std::string reason = text(experiment, "reason");
    const std::string message = text(experiment, "message");
    if (reason.empty() && message.empty()) return text(experiment, "status");
    return reason.empty() || message.empty() ? reason + message : reason + ": " + message;
}

json::object add_run(Graph& graph, const json::object& experiment, Parts& parts) {
    const bool is_done = text(experiment, "status") == "completed";
    const json::object times = part(experiment, "times");
    json::array used;
    // One that ended before it had been given a device has none.
    if (!text(experiment, "device").empty()) used.emplace_back(add_device(graph, experiment));
    for (auto& parameter : add_parameters(graph, experiment)) used.emplace_back(std::move(parameter));
    for (const auto& input : parts.of_input) used.emplace_back(input);
    json::object run{{"name", "Run of experiment " + text(experiment, "experiment_id")},
                     {"actionStatus", Graph::refer(std::string("http://schema.org/") +
                                                   (is_done ? "CompletedActionStatus" : "FailedActionStatus"))},
                     {"object", std::move(used)},
                     {"instrument", add_instruments(graph, experiment, parts.has_script)},
                     {"result", std::move(parts.made)}};
    if (const std::string who = text(experiment, "requested_by"); !who.empty()) {
        const std::string name = who.starts_with("user:") ? who.substr(5) : who;
        const std::string full_name = text(experiment, "requester_name");
        run["agent"] = graph.add("#person-" + uri_of(name), "Person",
                                 json::object{{"name", full_name.empty() ? name : full_name}, {"identifier", name}});
    }
    set_if(run, "description", text(experiment, "note"));
    set_if(run, "startTime", text(times, "started"));
    set_if(run, "endTime", text(times, "ended"));
    if (!is_done) set_if(run, "error", why_it_failed(experiment));
    return graph.add("#run", "CreateAction", std::move(run));
}

void add_root(Graph& graph, const json::object& experiment, json::array has_part, json::object run) {
    const std::string id = text(experiment, "experiment_id");
    const json::object times = part(experiment, "times");
    auto license =
        graph.add("#license", "CreativeWork",
                  json::object{{"name", "No licence stated"},
                               {"description", "Ask the person who ran the experiment before using its data"}});
    const std::string ended = text(times, "ended");
    const std::string device = text(experiment, "device");
    json::object root{{"identifier", id},
                      {"name", "Experiment " + id},
                      {"description", "Script, logs, readings, commands and outputs of the experiment " + id +
                                          (device.empty() ? "" : " on " + device)},
                      {"datePublished", ended.empty() ? text(times, "created") : ended},
                      {"license", std::move(license)},
                      {"hasPart", std::move(has_part)},
                      {"mentions", std::move(run)}};
    if (const json::value* const tags = experiment.if_contains("tags");
        tags && tags->is_array() && !tags->get_array().empty())
        root["keywords"] = *tags;
    graph.add("./", "Dataset", std::move(root));
}

}  // namespace

json::object make_crate(const json::object& experiment, const std::vector<PackedFile>& files) {
    Graph graph;
    graph.add(
        kCrateName, "CreativeWork",
        json::object{{"about", Graph::refer("./")}, {"conformsTo", Graph::refer("https://w3id.org/ro/crate/1.1")}});
    Parts parts = add_files(graph, files);
    auto run = add_run(graph, experiment, parts);
    add_root(graph, experiment, std::move(parts.of_root), std::move(run));
    // The context of 1.1 has no term for SHA-256.
    json::array context{"https://w3id.org/ro/crate/1.1/context", json::object{{"sha256", "http://schema.org/sha256"}}};
    return json::object{{"@context", std::move(context)}, {"@graph", graph.take()}};
}

Inventory crate_of(const std::filesystem::path& folder) {
    return {kCrateName, [folder](const std::vector<PackedFile>& files) {
                json::object experiment;
                if (const auto bytes = read_file(folder / "experiment.json"))
                    if (auto parsed = parse_json(*bytes); parsed && parsed->is_object())
                        experiment = std::move(parsed->get_object());
                return to_pretty_json(make_crate(experiment, files));
            }};
}

}  // namespace labhub::coordinator::jobs
