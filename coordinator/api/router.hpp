#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/api/authority.hpp"
#include "coordinator/api/operation.hpp"
#include "coordinator/api/pace.hpp"

namespace labhub::coordinator::api {

/// Finds the operation of a request, checks who may use it and runs it. Lives on the main thread.
class Router {
  public:
    Router(Services& services, std::vector<Operation> operations, Pace::Bounds pace = {})
        : services_(services), operations_(std::move(operations)), pace_(pace) {}

    /// Never fails: what goes wrong is a response in the hub's error shape.
    Task<http::Response> handle(http::Request request);
    /// Whether such a request's body goes to its operation as a stream.
    bool streams_body(std::string_view method, std::string_view path) const;

  private:
    struct Match {
        const Operation* operation = nullptr;
        std::map<std::string, std::string> path;
        std::string allowed;  ///< the verbs the path has, when none was the request's
    };
    Match match(const http::Request& request) const;
    /// Waits until the script's request is due; an answer when it is refused.
    Task<std::optional<http::Response>> keep_pace(JobId job);
    Task<http::Response> dispatch(http::Request request, Asking asking, const Match& found);

    Services& services_;
    std::vector<Operation> operations_;
    Pace pace_;
};

}  // namespace labhub::coordinator::api
