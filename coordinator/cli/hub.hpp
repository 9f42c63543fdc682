#pragma once

#include <filesystem>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json.hpp>

#include "coordinator/cli/access.hpp"
#include "coordinator/cli/exit_status.hpp"
#include "shared/http/client.hpp"

namespace labhub::cli {

/// The hub's REST API as the commands see it: JSON objects in and out, the hub's refusals as Errors. One thread. Not
/// for calls at the same time, as `reached` speaks of the last one.
class Hub {
  public:
    static Result<Hub> open(asio::any_io_executor executor, Access access);

    /// `target` is the encoded path and query: "/api/nodes".
    Task<Result<boost::json::object>> get(std::string target);
    Task<Result<boost::json::object>> post(std::string target, boost::json::object body);
    Task<Result<boost::json::object>> patch(std::string target, boost::json::object body);
    /// POSTs a file of any size as it is.
    Task<Result<boost::json::object>> send_file(std::string target, std::filesystem::path file);
    /// DELETE
    Task<Result<boost::json::object>> remove(std::string target);
    /// A GET whose answer may be of any length and take any time: it goes to `sink` as it comes.
    Task<Result<void>> receive(http::ClientRequest request, http::Client::Sink sink);
    /// `patience`: for each wait, as for an answer that takes a while to be made.
    Task<Result<void>> download(std::string target, std::filesystem::path to,
                                std::chrono::milliseconds patience = std::chrono::minutes{1});

    /// Whether the last call was answered at all, whatever the answer.
    bool reached() const { return reached_; }
    /// What a process that gives up after the last call ends with.
    ExitStatus status_of_failure() const { return reached_ ? ExitStatus::failed : ExitStatus::unreachable; }
    const std::string& url() const { return url_; }

  private:
    Hub(http::Client client, Access access);
    Task<Result<boost::json::object>> call(http::ClientRequest request);

    http::Client client_;
    std::string url_;
    bool has_token_;
    bool reached_ = true;
};

/// "/api/devices/sim-1/vessel" from "sim-1/vessel". Error malformed when that is no device.
Result<std::string> device_path(const std::string& device);
/// "/api/experiments/ID", with the id encoded.
std::string experiment_path(const std::string& id);

}  // namespace labhub::cli
