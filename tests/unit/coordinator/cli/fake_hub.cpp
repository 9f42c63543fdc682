#include "tests/unit/coordinator/cli/fake_hub.hpp"

#include <gtest/gtest.h>

namespace labhub::cli::testing {

FakeHub::FakeHub(std::string token)
    : token_(std::move(token)), server_(io_.get_executor(), http::ServerLimits(), [this](http::Request request) {
          return handle(std::move(request));
      }) {
    const auto port = server_.listen("127.0.0.1", 0, "public");
    EXPECT_TRUE(port) << port.error().to_string();
    port_ = port.value_or(0);
    thread_ = std::thread([this] { io_.run(); });
}

FakeHub::~FakeHub() {
    io_.stop();
    thread_.join();
}

void FakeHub::answer(const std::string& request, std::string body, int status) {
    const std::lock_guard lock(mutex_);
    rows_[request].answers.emplace_back(status, std::move(body));
}

std::string FakeHub::body_of(const std::string& request) const {
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(request);
    return row == rows_.end() ? "" : row->second.last_body;
}

Task<http::Response> FakeHub::handle(http::Request request) {
    if (request.header("Authorization") != "Bearer " + token_) {
        const Error error{ErrorCode::unauthenticated, "a token is needed"};
        co_return http::error_response(error);
    }
    const std::lock_guard lock(mutex_);
    const auto row = rows_.find(request.method + " " + request.target);
    if (row == rows_.end()) {
        const Error error{ErrorCode::not_found, "there is no " + request.method + " " + request.target};
        co_return http::error_response(error);
    }
    row->second.last_body = request.body;
    const std::size_t turn = std::min(row->second.asked++, row->second.answers.size() - 1);
    const auto& [status, body] = row->second.answers[turn];
    co_return http::text_response(status, "application/json", body);
}

}  // namespace labhub::cli::testing
