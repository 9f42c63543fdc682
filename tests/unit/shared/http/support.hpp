#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "shared/base/files.hpp"
#include "shared/http/server.hpp"

namespace labhub::http::test {

/// A server on a thread of its own, so that a test can be a client that blocks.
class ServerThread {
  public:
    /// Of paths that begin with `streamed` the handler reads the body itself.
    explicit ServerThread(Server::Handler handler, ServerLimits limits = {}, std::string streamed = "");
    ~ServerThread();

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// Runs `work` on the server's thread and waits for it.
    void on_loop(const std::function<void(Server&)>& work);
    ServerCounters counters();
    /// Waits until the counters satisfy `condition`; false after ten seconds.
    bool wait_until(const std::function<bool(const ServerCounters&)>& condition);
    /// Server::stop, and waits for its end.
    void stop();

  private:
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::unique_ptr<Server> server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// A client socket without any HTTP of its own. Reads give up after ten seconds.
class RawClient {
  public:
    explicit RawClient(std::uint16_t port);
    void send(const std::string& bytes);
    /// Everything until the server closes.
    std::string read_all();
    /// Until `text` has come, or the server has closed.
    std::string read_until(const std::string& text);
    /// Whether the server has closed its side; waits up to ten seconds for it.
    bool sees_close();
    void close() { fd_.reset(); }
    int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
};

/// Answers with what it got: "METHOD path body".
Server::Handler echo();
/// Standard output of a program; its exit status is appended as "\n[0]".
std::string output_of(const std::string& command);

}  // namespace labhub::http::test
