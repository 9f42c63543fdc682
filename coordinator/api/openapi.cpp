#include "coordinator/api/operations.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::api {
namespace {

namespace json = boost::json;

json::object parameter(std::string_view where, std::string_view name, std::string_view description, bool required) {
    return {{"name", name},
            {"in", where},
            {"required", required},
            {"description", description},
            {"schema", json::object{{"type", "string"}}}};
}

json::array parameters(const Operation& operation) {
    json::array list;
    for (const auto segment : split(operation.path, '/'))
        if (segment.size() > 2 && segment.front() == '{')
            list.push_back(parameter("path", segment.substr(1, segment.size() - 2), "", true));
    for (const auto& query : operation.query) list.push_back(parameter("query", query.name, query.description, false));
    return list;
}

json::object with_status(json::object payload) {
    auto& properties =
        payload["properties"].is_object() ? payload["properties"].as_object() : payload["properties"].emplace_object();
    if (!properties.contains("status")) properties["status"] = json::object{{"type", "string"}, {"const", "success"}};
    return payload;
}

json::object content(const Operation& operation) {
    json::object media;
    if (!operation.response_schema.empty()) media["schema"] = with_status(operation.response_schema);
    return {{operation.response_type, std::move(media)}};
}

json::object describe(const Operation& operation) {
    json::object described{{"operationId", operation.id},
                           {"tags", json::array{json::value(operation.tag)}},
                           {"summary", operation.summary}};
    if (auto list = parameters(operation); !list.empty()) described["parameters"] = std::move(list);
    if (!operation.request_schema.empty())
        described["requestBody"] = json::object{
            {"required", true},
            {"content", json::object{{"application/json", json::object{{"schema", operation.request_schema}}}}}};
    if (operation.streams_body)
        described["requestBody"] =
            json::object{{"required", true}, {"content", json::object{{"application/octet-stream", json::object()}}}};
    described["responses"] = json::object{
        {"200", json::object{{"description", "done"}, {"content", content(operation)}}},
        {"default",
         json::object{
             {"description", "refused or failed; the code says why"},
             {"content",
              json::object{{"application/json",
                            json::object{{"schema", json::object{{"$ref", "#/components/schemas/Error"}}}}}}}}}};
    described["security"] =
        operation.access == Access::anyone ? json::array{} : json::array{json::object{{"bearer", json::array{}}}};
    described["x-labhub-access"] = to_string(operation.access);
    return described;
}

json::object error_schema() {
    json::object members{{"code", json::object{{"type", "string"}}},
                         {"message", json::object{{"type", "string"}}},
                         {"detail", json::object{{"type", "string"}}}};
    return {
        {"type", "object"},
        {"required", {"status", "error", "detail"}},
        {"properties",
         json::object{{"status", json::object{{"const", "error"}}},
                      {"error", json::object{{"type", "object"},
                                             {"required", {"code", "message", "detail"}},
                                             {"properties", std::move(members)}}},
                      {"detail", json::object{{"type", "string"},
                                              {"description", "the message again, where older clients read it"}}}}}};
}

}  // namespace

json::object openapi_document(const std::vector<Operation>& list) {
    json::object paths;
    for (const auto& operation : list) {
        auto& path = paths[operation.path].is_object() ? paths[operation.path].as_object()
                                                       : paths[operation.path].emplace_object();
        std::string verb = operation.verb;
        for (char& c : verb) c = static_cast<char>(c | 0x20);
        path[verb] = describe(operation);
    }
    json::object bearer{{"type", "http"}, {"scheme", "bearer"}};
    return {{"openapi", "3.1.0"},
            {"info", json::object{{"title", "labhub"},
                                  {"version", LABHUB_VERSION},
                                  {"license", json::object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
            {"paths", std::move(paths)},
            {"components", json::object{{"schemas", json::object{{"Error", error_schema()}}},
                                        {"securitySchemes", json::object{{"bearer", std::move(bearer)}}}}}};
}

}  // namespace labhub::coordinator::api
