#include "tests/unit/coordinator/notify/receivers.hpp"

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "shared/base/json.hpp"

namespace labhub::coordinator::notify::test {

WebhookReceiver::WebhookReceiver()
    : server_(io_.get_executor(), http::ServerLimits(),
              [this](http::Request request) { return handle(std::move(request)); }) {
    const auto port = server_.listen("127.0.0.1", 0, "public");
    EXPECT_TRUE(port) << port.error().to_string();
    port_ = port.value_or(0);
    thread_ = std::thread([this] { io_.run(); });
}

WebhookReceiver::~WebhookReceiver() {
    io_.stop();
    thread_.join();
}

std::vector<http::Request> WebhookReceiver::received() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

Task<http::Response> WebhookReceiver::handle(http::Request request) {
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
    }
    if (is_silent) co_await sleep_for(std::chrono::minutes{1});
    co_return http::text_response(status, "text/plain", "what the receiver says\n");
}

MailReceiver::MailReceiver(const std::string& refused) {
    const char* const source = std::getenv("LABHUB_SOURCE");
    const std::string script = std::string(source ? source : ".") + "/tests/unit/coordinator/notify/smtp_sink.py";
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execl("/usr/bin/python3", "python3", "-W", "ignore", script.c_str(),
                refused.empty() ? nullptr : refused.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
    port_ = std::atoi(line().c_str());
    EXPECT_GT(port_, 0) << "the mail server did not start";
}

MailReceiver::~MailReceiver() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::fclose(output_);
}

std::string MailReceiver::line() {
    std::string text;
    for (int c = std::fgetc(output_); c != EOF && c != '\n'; c = std::fgetc(output_)) text += static_cast<char>(c);
    return text;
}

boost::json::object MailReceiver::next() {
    auto mail = parse_json(line());
    EXPECT_TRUE(mail);
    return mail ? mail->as_object() : boost::json::object{};
}

alarms::Event some_event(std::int64_t number, alarm::Severity severity) {
    alarms::Event event;
    event.number = number;
    event.alarm = alarms::AlarmId{"alarm" + std::to_string(number)};
    event.rule = alarms::RuleId{"hot"};
    event.device = DeviceAddress{NodeId{"sim-1"}, "vessel"};
    event.metric = "vial_A_temp";
    event.unit = "Cel";
    event.condition = alarm::Condition::highhigh;
    event.severity = event.highest = severity;
    event.value = 46.5;
    event.limit = 45;
    event.time = UtcMillis{1'771'180'048'123};
    event.message = "vial_A_temp of sim-1/vessel is at or above 45 Cel: 46.5 Cel";
    return event;
}

}  // namespace labhub::coordinator::notify::test
