#include "coordinator/notify/courier.hpp"

#include <gtest/gtest.h>

#include "coordinator/notify/message.hpp"
#include "tests/unit/coordinator/notify/receivers.hpp"
#include "tests/unit/shared/run_task.hpp"

namespace labhub::coordinator::notify {
namespace {

using test::some_event;

class CourierTest : public testing::Test {
  protected:
    CourierTest() : courier_(std::move(*Courier::start())) {}
    ~CourierTest() override { courier_->stop(); }

    Result<void> send(Channel channel, std::chrono::milliseconds timeout = std::chrono::seconds{20}) {
        Letter letter = letter_of(channel, {some_event(1)}, UtcMillis{1'771'180'048'123});
        letter.timeout = timeout;
        return labhub::test::run_task(io_, courier_->send(std::move(letter)));
    }
    static Channel webhook(std::string url, std::string token = {}) {
        return {"chat", alarm::Severity::minor, Webhook{std::move(url), std::move(token)}, {}};
    }
    static Channel mail(std::string server, std::vector<std::string> to = {"ada@example.org"}) {
        Mail how;
        how.server = std::move(server);
        how.from = "labhub@example.org";
        how.to = std::move(to);
        how.tls = Mail::Tls::none;
        return {"oncall", alarm::Severity::minor, std::move(how), {}};
    }

    asio::io_context io_{1};
    std::unique_ptr<Courier> courier_;
};

TEST_F(CourierTest, PostsToAWebhook) {
    test::WebhookReceiver receiver;
    ASSERT_TRUE(send(webhook(receiver.url(), "s3cret")));
    const auto received = receiver.received();
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].method, "POST");
    EXPECT_EQ(received[0].path, "/hook/secret");
    EXPECT_EQ(received[0].header("Content-Type"), "application/json");
    EXPECT_EQ(received[0].header("Authorization"), "Bearer s3cret");
    EXPECT_NE(received[0].body.find("vial_A_temp"), std::string::npos);
}

TEST_F(CourierTest, SaysWhatAWebhookAnsweredAndNoSecret) {
    test::WebhookReceiver receiver;
    receiver.status = 503;
    const auto refused = send(webhook(receiver.url(), "s3cret"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_NE(refused.error().message.find("status 503"), std::string::npos);
    EXPECT_NE(refused.error().detail.find("what the receiver says"), std::string::npos);
    EXPECT_EQ(refused.error().to_string().find("secret"), std::string::npos) << refused.error().to_string();
    EXPECT_EQ(refused.error().to_string().find("s3cret"), std::string::npos);
}

TEST_F(CourierTest, GivesUpOnOneThatDoesNotAnswer) {
    test::WebhookReceiver receiver;
    receiver.is_silent = true;
    const auto late = send(webhook(receiver.url()), std::chrono::milliseconds{300});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::timed_out);
}

TEST_F(CourierTest, SaysThatNobodyIsThere) {
    const auto nobody = send(webhook("http://127.0.0.1:1/"));
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().code, ErrorCode::unavailable);
    EXPECT_FALSE(send(webhook("file:///etc/passwd"))) << "HTTP and HTTPS only";
}

TEST_F(CourierTest, SendsMailOverSmtp) {
    test::MailReceiver receiver;
    const auto sent = send(mail(receiver.url(), {"ada@example.org", "bob@example.org"}));
    ASSERT_TRUE(sent) << sent.error().to_string();
    const auto received = receiver.next();
    EXPECT_EQ(received.at("from").as_string(), "labhub@example.org");
    EXPECT_EQ(received.at("to").as_array().size(), 2u);
    const std::string text(received.at("data").as_string());
    EXPECT_NE(text.find("Subject: [labhub] MAJOR: vial_A_temp of sim-1/vessel"), std::string::npos) << text;
    EXPECT_NE(text.find("Date: Sun, 15 Feb 2026 18:27:28 +0000"), std::string::npos) << text;
    EXPECT_NE(text.find("Content-Transfer-Encoding: base64"), std::string::npos);
}

TEST_F(CourierTest, SendsToTheOthersWhenOneReceiverHasLeft) {
    test::MailReceiver receiver("gone@example.org");
    const auto sent = send(mail(receiver.url(), {"gone@example.org", "ada@example.org"}));
    ASSERT_TRUE(sent) << sent.error().to_string();
    EXPECT_EQ(receiver.next().at("to").as_array().size(), 1u);
    EXPECT_FALSE(send(mail(receiver.url(), {"gone@example.org"}))) << "nobody got it";
}

TEST_F(CourierTest, InsistsOnEncryptionWhereItIsAskedFor) {
    test::MailReceiver receiver;
    Channel channel = mail(receiver.url());
    std::get<Mail>(channel.how).tls = Mail::Tls::required;
    EXPECT_FALSE(send(channel)) << "the server offers none";
    std::get<Mail>(channel.how).tls = Mail::Tls::if_offered;
    EXPECT_TRUE(send(channel));
}

TEST_F(CourierTest, DropsWhatIsUnderWayWhenItStops) {
    test::WebhookReceiver receiver;
    receiver.is_silent = true;
    std::thread stopper([&] {
        while (receiver.received().empty()) std::this_thread::yield();
        courier_->stop();
    });
    const auto stopped = send(webhook(receiver.url()));
    stopper.join();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace labhub::coordinator::notify
