#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/http/server.hpp"

namespace labhub::cli::testing {

/// A hub that answers from a table: "GET /api/nodes" → status and body. Path and query must match. A row's answers are
/// given in turn, the last one for ever. Remembers what it was asked. Its server has a thread of its own.
class FakeHub {
  public:
    explicit FakeHub(std::string token);
    ~FakeHub();

    void answer(const std::string& request, std::string body, int status = 200);
    /// The body sent with the last such request; empty if there was none.
    std::string body_of(const std::string& request) const;
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  private:
    struct Row {
        std::vector<std::pair<int, std::string>> answers;
        std::size_t asked = 0;
        std::string last_body;
    };
    Task<http::Response> handle(http::Request request);

    std::string token_;
    mutable std::mutex mutex_;
    std::map<std::string, Row> rows_;
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    http::Server server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace labhub::cli::testing
