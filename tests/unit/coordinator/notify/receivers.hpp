#pragma once

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "coordinator/domain/alarms/alarm.hpp"
#include "shared/http/server.hpp"

namespace labhub::coordinator::notify::test {

/// A real HTTP server on a thread of its own, which keeps what it is sent.
class WebhookReceiver {
  public:
    WebhookReceiver();
    ~WebhookReceiver();
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook/secret"; }
    std::vector<http::Request> received() const;
    std::atomic<int> status{200};
    std::atomic<bool> is_silent{false};  ///< it doesn't answer

  private:
    Task<http::Response> handle(http::Request request);

    asio::io_context io_{1};
    http::Server server_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<http::Request> requests_;
    std::thread thread_;
};

/// smtp_sink.py as a child process.
class MailReceiver {
  public:
    explicit MailReceiver(const std::string& refused = {});
    ~MailReceiver();
    std::string url() const { return "smtp://127.0.0.1:" + std::to_string(port_); }
    /// The next mail; waits for it.
    boost::json::object next();

  private:
    std::string line();
    std::FILE* output_ = nullptr;
    int pid_ = 0;
    int port_ = 0;
};

alarms::Event some_event(std::int64_t number, alarm::Severity severity = alarm::Severity::major);

}  // namespace labhub::coordinator::notify::test
